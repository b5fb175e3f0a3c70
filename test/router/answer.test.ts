import { expect } from 'chai'
import { AnswerReader } from '../../src/router/answer.js'
import { answerCases } from './framing-answers.js'

/** What becomes of an answer that comes in these pieces. */
function readAll(pieces: readonly Buffer[], method = 'GET', closes = false) {
  const seen = { interim: [] as number[], status: 0, body: '', whole: false, refused: false, takes: 0 }
  const reader = new AnswerReader(method, {
    inform: ({ statusCode }) => seen.interim.push(statusCode),
    begin: ({ statusCode }) => (seen.status = statusCode),
    take: (piece, trailers) => {
      seen.takes++
      seen.body += piece?.toString('latin1') ?? ''
      if (trailers) seen.whole = true
    },
    refuse: () => (seen.refused = true),
  })
  for (const piece of pieces) reader.read(Buffer.from(piece)) // which it may write into
  if (closes) reader.end()
  return { ...seen, surplus: reader.surplus }
}

describe('an answer that is read', () => {
  for (const [name, { bytes, method, closes, want }] of answerCases)
    it(`is the same in two pieces, wherever it is cut: ${name}`, () => {
      const all = Buffer.from(bytes, 'latin1')
      const { takes: once, ...whole } = readAll([all], method, closes)
      expect(once).to.be.below(3)
      expect(whole.whole).to.equal(typeof want === 'object')
      const step = Math.ceil(all.length / 400)
      for (let at = 1; at < all.length; at += step) {
        const { takes, ...split } = readAll([all.subarray(0, at), all.subarray(at)], method, closes)
        // what was passed on before a fault, and by which byte it was seen, depend on the cut
        if (whole.whole) expect({ ...split, surplus: whole.surplus }, `cut at ${at}`).to.deep.equal(whole)
        else expect(split.whole, `cut at ${at}`).to.equal(false)
        expect(takes).to.be.below(4)
      }
    })

  it('of 20,000 chunks of a byte is passed on in one piece', () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
    const { takes, body, whole } = readAll([Buffer.from(head), Buffer.from(`${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`)])
    expect([takes, body.length, whole]).to.deep.equal([1, 20_000, true])
  })

  for (const [what, bytes] of [
    ['a chunk size of 13 digits', '1000000000000\r\n'],
    ['a chunk size of endless zeros', '0'.repeat(14)],
    ['a chunk size of nothing', '\r\n'],
    ['a chunk extension without end', `5;${'a'.repeat(20_000)}`],
    ['a carriage return in an extension', '5;a\rb'],
    ['a NUL in an extension', '5;\0\r\nhello'],
    ['trailers without end', `0\r\n${'x: y\r\n'.repeat(4000)}`],
    ['a line feed in the trailers', '0\r\nx: y\nz: w\r\n\r\n'],
  ] as const)
    it(`is refused as soon as it has ${what}`, () => {
      const head = Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      expect(readAll([head, Buffer.from(bytes)])).to.include({ refused: true, whole: false })
    })

  for (const [what, bytes] of [
    ['begins otherwise', 'HTTQ'],
    ['is longer than 16 kB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17_000)}`],
    ['has a bare line feed', 'HTTP/1.1 200 OK\nx'],
  ] as const)
    it(`is refused without waiting for its end when its head ${what}`, () =>
      expect(readAll([Buffer.from(bytes)])).to.include({ refused: true }))

  it('is refused for a bare line feed wherever it is cut', () => {
    for (const bytes of ['HTTP/1.1 200 OK\nx: y', 'HTTP/1.1 200 OK\r\nx: y\nz']) {
      const pieces = Array.from(bytes, (one) => Buffer.from(one))
      expect(readAll(pieces), bytes).to.include({ refused: true })
    }
  })
})
