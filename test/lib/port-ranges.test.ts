import { expect } from 'chai'
import { isInRanges, readPortRanges, shownRanges } from '../../src/lib/port-ranges.js'

describe('ranges of ports', () => {
  it('are read, and shown again', () => {
    const ranges = readPortRanges('1024-2000, 5432,65535') ?? []
    expect(ranges).to.deep.equal([
      [1024, 2000],
      [5432, 5432],
      [65_535, 65_535],
    ])
    expect(shownRanges(ranges)).to.equal('1024-2000, 5432, 65535')
    expect([1023, 1024, 2000, 2001, 5432, 5433, 65_535].map((port) => isInRanges(ranges, port))).to.deep.equal([
      ...[false, true, true, false],
      ...[true, false, true],
    ])
  })

  it('may be none', () => {
    expect(readPortRanges('none')).to.deep.equal([])
    expect(shownRanges([])).to.equal('none')
  })

  for (const text of [
    '',
    '80',
    '0-2000',
    '1023',
    '2000-1024',
    '1024-65536',
    '1024-',
    '-2000',
    'a',
    '1024,,2000',
    '1e4',
  ])
    it(`are not "${text}"`, () => {
      expect(readPortRanges(text)).to.equal(null)
    })
})
