import { expect } from 'chai'
import fc from 'fast-check'
import { cutMark, LineSplitter } from '../../src/lib/lines.js'

const splitting = (pieces: readonly string[], longest?: number): string[] => {
  const lines = new LineSplitter(longest)
  const read = pieces.flatMap((piece) => lines.read(piece))
  return [...read, lines.end()]
}

describe('a text that comes in pieces', () => {
  it('is cut into the lines that it has as a whole', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é') })), (pieces) => {
        expect(splitting(pieces)).to.deep.equal(pieces.join('').split('\n'))
      }),
    )
  })

  it('has lines of a limited length, whatever the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n') })),
        fc.integer({ min: 1, max: 8 }),
        (pieces, longest) => {
          const whole = pieces.join('').split('\n')
          const expected = whole.map((line) => (line.length > longest ? line.slice(0, longest) + cutMark : line))
          expect(splitting(pieces, longest)).to.deep.equal(expected)
        },
      ),
    )
  })

  it('of 400 MB without a newline takes the time and the memory of its pieces', function () {
    this.timeout(5_000)
    const piece = 'x'.repeat(64 * 1024)
    const lines = new LineSplitter()
    for (let i = 0; i < 6400; i += 1) expect(lines.read(piece)).to.have.length(0)
    expect(lines.read('\n')[0]).to.have.length(64 * 1024 + cutMark.length)
  })
})
