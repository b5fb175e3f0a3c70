import { expect } from 'chai'
import { destroy } from '../../src/changes/destroy.js'
import { acting } from './made.js'

describe('a destruction', () => {
  it('takes down all there is, and the app with it', async () => {
    const { at, did } = acting()
    await destroy.act({ kind: 'destroy' }, at)
    expect(did).to.deep.equal(['> Destroying blog', 'take the route from a', 'dismantle'])
    expect(destroy.endsApp).to.equal(true)
  })
})
