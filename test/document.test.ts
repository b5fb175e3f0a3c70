import { expect } from 'chai'
import { documented } from '../src/document.js'

describe('the documentation', () => {
  it('is what `npm run docs` makes', async () => {
    for (const { name, is, should } of await documented()) expect(is, name).to.equal(should)
  })
})
