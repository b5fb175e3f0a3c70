import { expect } from 'chai'
import { rename } from '../../src/changes/rename.js'
import { acting } from './made.js'

describe('a rename', () => {
  it('has the router know the name, and says where the app answers', async () => {
    const { at, did } = acting()
    await rename.act({ kind: 'rename' }, at)
    expect(did).to.deep.equal(['refresh route', "http://blog.localhost is the app's address now; no new release"])
  })
})
