import { expect } from 'chai'
import { readSchedule } from '../../src/cron/schedule.js'
import type { BerthError } from '../../src/errors.js'

/** The first times after a time, without their seconds. */
const times = (text: string, from: string, count: number, timezone?: string): string[] => {
  const schedule = readSchedule(text, timezone)
  let at = Date.parse(from)
  return Array.from({ length: count }, () => new Date((at = schedule.next(at))).toISOString().slice(0, 16))
}

const refusal = (text: string, timezone?: string): string => {
  try {
    readSchedule(text, timezone)
  } catch (error) {
    return (error as BerthError).message
  }
  return 'none'
}

describe('a schedule', () => {
  it('has numbers, names, ranges, steps, lists and words', () => {
    const from = '2026-01-01T00:00:00Z' // a Thursday
    expect(times('*/20 8-9 * * *', from, 4)).to.deep.equal([
      ...['2026-01-01T08:00', '2026-01-01T08:20', '2026-01-01T08:40', '2026-01-01T09:00'],
    ])
    expect(times('5,10-12/2 0 * jan-Mar *', from, 3)).to.deep.equal([
      ...['2026-01-01T00:05', '2026-01-01T00:10', '2026-01-01T00:12'],
    ])
    expect(times('0 0 * * Mon-fri', from, 2)).to.deep.equal(['2026-01-02T00:00', '2026-01-05T00:00'])
    for (const sunday of ['0', '7', 'sun'])
      expect(times(`0 0 * * ${sunday}`, from, 2), sunday).to.deep.equal(['2026-01-04T00:00', '2026-01-11T00:00'])
    const first = Object.fromEntries(
      ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'].map((word) => [
        word,
        times(word, from, 1)[0],
      ]),
    )
    expect(first).to.deep.equal({
      ...{ '@hourly': '2026-01-01T01:00', '@daily': '2026-01-02T00:00', '@midnight': '2026-01-02T00:00' },
      ...{ '@weekly': '2026-01-04T00:00', '@monthly': '2026-02-01T00:00', '@yearly': '2027-01-01T00:00' },
      '@annually': '2027-01-01T00:00',
    })
  })

  it('comes on the day of the month or of the week, on both where one of them has a star', () => {
    expect(times('0 0 13 * fri', '2026-01-01T00:00:00Z', 4)).to.deep.equal([
      ...['2026-01-02T00:00', '2026-01-09T00:00', '2026-01-13T00:00', '2026-01-16T00:00'],
    ])
    expect(times('0 0 */2 * fri', '2026-01-01T00:00:00Z', 2)).to.deep.equal(['2026-01-09T00:00', '2026-01-23T00:00'])
    expect(times('0 0 29 2 *', '2026-01-01T00:00:00Z', 2)).to.deep.equal(['2028-02-29T00:00', '2032-02-29T00:00'])
    expect(times('0 0 29 2 */7', '2026-01-01T00:00:00Z', 2)).to.deep.equal(['2032-02-29T00:00', '2060-02-29T00:00'])
  })

  it('that names its hours runs once where the clock is put forward over them, at that moment', () => {
    const from = '2026-03-28T12:00:00Z' // Berlin: 02:00 becomes 03:00 at 01:00 UTC on the 29th
    expect(times('30 2 * * *', from, 2, 'Europe/Berlin')).to.deep.equal(['2026-03-29T01:00', '2026-03-30T00:30'])
    expect(times('15,45 2 * * *', from, 2, 'Europe/Berlin')).to.deep.equal(['2026-03-29T01:00', '2026-03-30T00:15'])
    expect(times('*/15 2 * * *', from, 2, 'Europe/Berlin')).to.deep.equal(['2026-03-29T01:00', '2026-03-30T00:00'])
    expect(times('0 2,3 * * *', from, 2, 'Europe/Berlin')).to.deep.equal(['2026-03-29T01:00', '2026-03-30T00:00'])
    expect(times('0 8 * * 0', '2026-03-08T05:45:00Z', 2, 'America/Chicago')).to.deep.equal([
      ...['2026-03-08T13:00', '2026-03-15T13:00'],
    ])
    // midnight itself is put over
    expect(times('0 0 * * *', '2026-04-23T12:00:00Z', 2, 'Africa/Cairo')).to.deep.equal([
      ...['2026-04-23T22:00', '2026-04-24T21:00'],
    ])
  })

  it('that names its hours runs once where the clock is put back, at the first of both', () => {
    const from = '2026-10-24T12:00:00Z' // Berlin: 03:00 becomes 02:00 at 01:00 UTC on the 25th
    expect(times('30 2 * * *', from, 2, 'Europe/Berlin')).to.deep.equal(['2026-10-25T00:30', '2026-10-26T01:30'])
    expect(times('*/30 2 * * *', from, 3, 'Europe/Berlin')).to.deep.equal([
      ...['2026-10-25T00:00', '2026-10-25T00:30', '2026-10-26T01:00'],
    ])
    // asked within the second of both
    expect(times('30 2 * * *', '2026-10-25T01:10:00Z', 1, 'Europe/Berlin')).to.deep.equal(['2026-10-26T01:30'])
    expect(times('15 1,2,3 * * *', '2026-10-24T22:00:00Z', 3, 'Europe/Berlin')).to.deep.equal([
      ...['2026-10-24T23:15', '2026-10-25T00:15', '2026-10-25T02:15'],
    ])
  })

  it('of every so many minutes goes on as time does, whatever the clock is put to', () => {
    for (const from of ['2026-10-24T23:31:00Z', '2026-03-29T00:01:00Z', '2026-07-01T00:00:00Z']) {
      const all = times('*/30 * * * *', from, 8, 'Europe/Berlin').map((time) => Date.parse(`${time}Z`))
      expect(all.slice(1).map((time, at) => time - (all[at] ?? 0))).to.deep.equal(Array(7).fill(30 * 60_000))
    }
    // by half an hour
    expect(times('*/30 * * * *', '2026-10-03T14:50:00Z', 3, 'Australia/Lord_Howe')).to.deep.equal([
      ...['2026-10-03T15:00', '2026-10-03T15:30', '2026-10-03T16:00'],
    ])
  })

  it('is refused where it is none, never comes, or has a time zone that is none', () => {
    const bad: Readonly<Record<string, RegExp>> = {
      '': /it is empty/,
      '* * * *': /4 fields, not five/,
      '* * * * * *': /6 fields, not five/,
      '@every 5m': /this word is not known/,
      '@reboot': /this word is not known/,
      '61 * * * *': /minute "61"/,
      '* 24 * * *': /hour "24"/,
      '* * 0 * *': /day of the month "0"/,
      '* * * 13 *': /month "13"/,
      '* * * * 8': /day of the week "8"/,
      '5-1 * * * *': /minute "5-1"/,
      '*/0 * * * *': /minute "\*\/0"/,
      '1-2-3 * * * *': /minute "1-2-3"/,
      '1,,2 * * * *': /minute "1,,2"/,
      '* * * mon *': /month "mon"/,
      '* * * * jan': /day of the week "jan"/,
      '0 0 L * *': /day of the month "L"/,
      '0 0 ? * *': /day of the month/,
      'jan * * * *': /minute "jan"/,
      '0 0 31 2 *': /it never comes/,
      '0 0 31 4,6,9,11 *': /it never comes/,
      '*\n* * * *': /4 fields/,
      [`${'1,'.repeat(500)}1 * * * *`]: /longer than 200/,
    }
    for (const [text, why] of Object.entries(bad)) expect(refusal(text), text).to.match(why)
    for (const zone of ['Mars/Olympus', '+02:00', 'CRON_TZ=UTC', '', '../etc', 'x'.repeat(5000)])
      expect(refusal('@daily', zone), zone).to.match(/there is no time zone/)
    expect(refusal('0 0 31 2 mon')).to.equal('none')
  })
})
