import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { collectGarbage } from '../../src/lib/collect.js'

describe('a collection of garbage', () => {
  it('takes what nobody has any more, leaves the rest, and is not seen by programs', async () => {
    const kept = Buffer.alloc(100_000)
    const refs = [new WeakRef(kept), new WeakRef(Buffer.alloc(100_000))]
    await turn() // what a reference has been made of stays until then
    collectGarbage({ type: 'major', execution: 'sync' })
    expect(refs.map((ref) => ref.deref()?.length)).to.deep.equal([kept.length, undefined])
    expect('gc' in globalThis).to.equal(false)
  })
})
