import { expect } from 'chai'
import { misroutedIn } from '../../../src/engine/runtime/misrouted.js'

describe('what crun missed of a terminal', () => {
  /** As crun writes it. */
  const logged = (output: string): Buffer =>
    Buffer.from((output.match(/[^]{1,255}/g) ?? []).map((piece) => `${piece}\n`).join(''))

  it('is in its log, whatever its length', () => {
    for (const output of [
      'done\r\n',
      'no end of line',
      '\n',
      '{"a":1}\r\n',
      'null\r\n',
      'x'.repeat(255),
      `${'y'.repeat(299)}\r\n`,
      'z'.repeat(510),
    ])
      expect(misroutedIn(logged(output)).toString(), output).to.equal(output)
  })

  it('is nothing where crun has said nothing, or something of its own', () => {
    expect(misroutedIn(Buffer.alloc(0))).to.have.length(0)
    const own = { msg: 'executable file `x` not found', level: 'error', time: '2026-01-01T00:00:00.000000Z' }
    expect(misroutedIn(Buffer.from(`${JSON.stringify(own)}\n`))).to.have.length(0)
  })
})
