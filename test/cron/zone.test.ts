import { expect } from 'chai'
import { changeBetween, timeOf, zoneOf, type Zone } from '../../src/cron/zone.js'

const at = (text: string): number => Date.parse(`${text}Z`)
const zone = (name: string): Zone => {
  const found = zoneOf(name)
  if (!found) throw new Error(`no ${name}`)
  return found
}
const hours = (count: number): number => count * 3_600_000

describe('a time zone', () => {
  it('is one of the IANA, in summer and in winter', () => {
    const berlin = zone('Europe/Berlin')
    expect([berlin.offsetAt(at('2026-01-15T12:00')), berlin.offsetAt(at('2026-07-15T12:00'))]).to.deep.equal([
      ...[hours(1), hours(2)],
    ])
    expect(zone('Asia/Kathmandu').offsetAt(0)).to.equal(hours(5.5))
    expect(zone('UTC').offsetAt(at('2026-07-15T12:00'))).to.equal(0)
    for (const none of ['Mars/Base', '', '+02:00', '../etc/passwd', 'Europe/Berlin/x/y'])
      expect(zoneOf(none), none).to.equal(null)
  })

  it('shows a wall time once: the first of two, and what is put over at the moment it is', () => {
    const berlin = zone('Europe/Berlin')
    expect(timeOf(berlin, at('2026-07-15T12:00'))).to.equal(at('2026-07-15T10:00'))
    expect(timeOf(berlin, at('2026-10-25T02:30')), 'put back').to.equal(at('2026-10-25T00:30'))
    expect(timeOf(berlin, at('2026-03-29T02:30')), 'put forward').to.equal(at('2026-03-29T01:00'))
    const newYork = zone('America/New_York')
    expect(timeOf(newYork, at('2026-11-01T01:30'))).to.equal(at('2026-11-01T05:30'))
    expect(timeOf(newYork, at('2026-03-08T02:00'))).to.equal(at('2026-03-08T07:00'))
  })

  it('knows to the second when its clock is put forward or back', () => {
    const change = changeBetween(zone('Europe/Berlin'), at('2026-10-20T00:00'), at('2026-10-30T00:00'))
    expect(change).to.equal(at('2026-10-25T01:00'))
  })
})
