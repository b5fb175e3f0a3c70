import { expect } from 'chai'
import { documented } from '../../src/cli/document.js'

describe('docs/cli.md', () => {
  it('is what `npm run docs` makes', async () => {
    const { is, should } = await documented()
    expect(is).to.equal(should)
  })
})
