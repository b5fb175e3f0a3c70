import { Readable } from 'node:stream'
import { expect } from 'chai'
import { readWithin } from '../../src/lib/read-within.js'

describe('what is read within a limit', () => {
  it('is whole up to it, cut characters too', async () => {
    const bytes = Buffer.from('grüße')
    const pieces = Readable.from([bytes.subarray(0, 3), bytes.subarray(3)])
    expect(await readWithin(pieces, bytes.length)).to.equal('grüße')
  })

  it('is nothing beyond it, and no more is asked for', async () => {
    let given = 0
    const endless = Readable.from(
      (function* () {
        for (;;) {
          given += 1
          yield Buffer.alloc(1000)
        }
      })(),
    )
    const failed = await readWithin(endless, 10_000).catch((error: unknown) => (error as Error).message)
    expect(failed).to.equal('its answer is too long')
    expect([endless.destroyed, given < 100]).to.deep.equal([true, true])
  })
})
