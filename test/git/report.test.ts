import { expect } from 'chai'
import { packetAt } from '../../src/git/pkt-line.js'
import { procReceiveAnswer, refusal, spoken } from '../../src/git/report.js'

/** The packets of an answer; null is a flush. */
function packets(bytes: Buffer): (Buffer | null)[] {
  const found: (Buffer | null)[] = []
  for (let at = 0; at < bytes.length;) {
    const packet = packetAt(bytes, at)
    if (!packet) throw new Error('a packet is cut')
    found.push(packet.payload)
    at = packet.next
  }
  return found
}
const texts = (bytes: Buffer) => packets(bytes).map((one) => one?.toString() ?? null)

describe('what git is told of a push', () => {
  const [ref, other] = ['refs/heads/main', 'refs/heads/x']

  it('is a line for each ref, whatever the reason reads like', () => {
    const verdicts = [
      { ref, reason: null },
      { ref: other, reason: 'no\nok refs/heads/y\r\n  at all' },
    ]
    expect(texts(procReceiveAnswer(verdicts))).to.deep.equal([
      'version=1\n',
      null,
      `ok ${ref}\n`,
      `ng ${other} no ok refs/heads/y at all\n`,
      null,
    ])
  })

  it('names the ref that was moved in place of the pushed one', () => {
    expect(texts(procReceiveAnswer([{ ref: other, reason: null, moved: ref }]))).to.deep.equal([
      ...['version=1\n', null, `ok ${other}\n`, `option refname ${ref}\n`, null],
    ])
  })

  const commands = [ref, other].map((one) => ({ ref: one, old: '', new: '' }))
  const report = ['unpack ok\n', `ng ${ref} too large\n`, `ng ${other} too large\n`, null]

  it('is nothing to a client that asked for no report', () => {
    expect(texts(refusal(commands, 'too large', new Set(['side-band-64k'])))).to.deep.equal([null])
  })

  it('is a report by itself, or within the sideband', () => {
    expect(texts(refusal(commands, 'too large', new Set(['report-status'])))).to.deep.equal(report)
    const [packed, end, ...more] = packets(
      refusal(commands, 'too large', new Set(['report-status-v2', 'side-band-64k'])),
    )
    expect([packed?.[0], end, more]).to.deep.equal([1, null, []])
    expect(texts(packed?.subarray(1) ?? Buffer.alloc(0))).to.deep.equal(report)
  })

  it('is cut where a packet of the sideband ends, of ten thousand refs', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => ({ ref: `refs/heads/${String(at)}`, old: '', new: '' }))
    const all = packets(refusal(many, 'x'.repeat(30), new Set(['report-status', 'side-band-64k'])))
    expect(all.pop()).to.equal(null)
    expect(all.length).to.be.greaterThan(5)
    const whole = Buffer.concat(all.map((one) => one?.subarray(1) ?? Buffer.alloc(0)))
    expect(texts(whole)).to.have.length(10_002)
  })
})

describe('what a pusher reads', () => {
  it('is marked on each line, and nothing where there is nothing to say', () => {
    expect(packets(spoken('too large', undefined, 'push less'))).to.deep.equal([
      Buffer.from('\x02 !     too large\n !     push less\n', 'latin1'),
    ])
    expect(packets(spoken())).to.deep.equal([Buffer.from([2])])
  })

  it('fits a packet, whatever is said', () => {
    expect(packets(spoken('é'.repeat(100_000)))[0]?.length).to.equal(60_001)
  })
})
