import { expect } from 'chai'
import fc from 'fast-check'
import { formatDuration, parseDuration } from '../../src/lib/duration.js'

describe('a duration', () => {
  it('is a whole number of seconds, minutes, hours or days', () => {
    expect(['90s', '30m', '24h', '30d', '1s', '999999d'].map(parseDuration)).to.deep.equal([
      90_000, 1_800_000, 86_400_000, 2_592_000_000, 1_000, 86_399_913_600_000,
    ])
  })

  for (const text of ['', '0s', '01m', '-1h', '1.5h', '1', 's', '1w', '1 m', '1m\n', '1S', '1000000s', '１m', '1e3s'])
    it(`is not ${JSON.stringify(text)}`, () => expect(parseDuration(text)).to.equal(null))

  it('is told in the largest unit that makes it whole', () => {
    expect([1_000, 90_000, 60_000, 7_200_000, 86_400_000, 90_000_000].map(formatDuration)).to.deep.equal([
      '1 second',
      '90 seconds',
      '1 minute',
      '2 hours',
      '1 day',
      '25 hours',
    ])
    expect([0, 1, 1_001].map(formatDuration)).to.deep.equal(['0 seconds', '1 second', '2 seconds'])
  })

  it('means the same when it is told and read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom('s', 'm', 'h', 'd'), (count, unit) => {
        const ms = parseDuration(`${String(count)}${unit}`) ?? 0
        const [number = '', word = ''] = formatDuration(ms).split(' ')
        expect(Number(number) * (parseDuration(`1${word.charAt(0)}`) ?? 0)).to.equal(ms)
      }),
    )
  })
})
