import { expect } from 'chai'
import { parseTimestamp } from '../../../src/engine/system/timestamp.js'

describe('a point in time', () => {
  const now = Date.parse('2026-11-24T12:00:00Z')
  for (const [text, iso] of [
    ['1795521600', '2026-11-24T12:00:00.000Z'],
    ['1795521600.250', '2026-11-24T12:00:00.250Z'],
    ['10m', '2026-11-24T11:50:00.000Z'],
    ['1h30m', '2026-11-24T10:30:00.000Z'],
    ['1.5s', '2026-11-24T11:59:58.500Z'],
    ['2026-11-24T12:00:00Z', '2026-11-24T12:00:00.000Z'],
    ['2026-11-24T13:00:00.123456789+01:00', '2026-11-24T12:00:00.123Z'],
  ] as const)
    it(`is read from ${text}`, () => expect(new Date(parseTimestamp(text, now)).toISOString()).to.equal(iso))

  for (const text of ['', 'soon', '10 m', '5x', '2026-99-99'])
    it(`is not ${JSON.stringify(text)}`, () =>
      expect(() => parseTimestamp(text, now)).to.throw('failed to parse value'))
})
