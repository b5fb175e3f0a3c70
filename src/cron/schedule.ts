import { createRequire } from 'node:module'
import type { CronExpressionParser } from 'cron-parser'
import { BerthError, messageOf } from '../errors.js'
import { changeBetween, timeOf, zoneOf, type Zone } from './zone.js'

/** Loaded when there is a first schedule to read: with what it knows of calendars it takes two MiB. */
const parser = (): typeof CronExpressionParser =>
  (createRequire(import.meta.url)('cron-parser') as { CronExpressionParser: typeof CronExpressionParser })
    .CronExpressionParser

/** When something is to run, again and again. */
export interface Schedule {
  /** Milliseconds since the epoch, on a whole minute as a rule: the first time after `after`. */
  next(after: number): number
}

/** The words for schedules, as cron(8) has them. */
const words: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

const longest = 200
const names = ['minute', 'hour', 'day of the month', 'month', 'day of the week'] as const
const example =
  'write five fields, as in `*/5 8-18 * * mon-fri`: minute, hour, day of the month, month, day of the week'

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const named = (field: number): readonly string[] => (field === 3 ? months : field === 4 ? weekdays : [])

const value = '(?:\\d{1,2}|[A-Za-z]{3})'
const item = new RegExp(`^(?:\\*|${value}(?:-${value})?)(?:/\\d{1,4})?$`)

/**
 * Reads the five fields of a crontab (crontab(5)), or a word for them, in a time zone. Where the clock is put forward over a time
 * at which it would run, it runs once, at that moment; where the clock is put back, what names its hours runs at the first of
 * both, and what runs in every hour, or at every so many minutes, goes on as time does, as with cron(8).
 * @throws BerthError `invalid`, also of one that never comes
 */
export function readSchedule(text: string, timezone = 'UTC'): Schedule {
  const zone = zoneOf(timezone)
  if (zone === null)
    throw new BerthError(
      'invalid',
      `there is no time zone "${timezone.slice(0, 80)}"`,
      'name one as the IANA does: Europe/Berlin, America/New_York, UTC',
    )
  const fields = fieldsOf(text)
  const dates = datesOf(text, fields)
  const isFixed = !(fields[1] ?? '').includes('*')
  return { next: (after) => (isFixed ? nextFixed : nextFlowing)(zone, dates, after) }
}

const wrong = (text: string, why: string, hint = example): BerthError =>
  new BerthError('invalid', `${JSON.stringify(text.slice(0, 60))} is no schedule: ${why}`, hint)

function fieldsOf(text: string): string[] {
  const trimmed = text.trim()
  if (trimmed.length > longest) throw wrong(text, `it is longer than ${longest} characters`)
  if (trimmed.startsWith('@') && words[trimmed] === undefined)
    throw wrong(text, 'this word is not known', `the words are ${Object.keys(words).join(', ')}`)
  const fields = (words[trimmed] ?? trimmed).split(/[ \t]+/)
  if (fields.length !== 5)
    throw wrong(text, trimmed === '' ? 'it is empty' : `it has ${fields.length} fields, not five`)
  fields.forEach((field, at) => {
    const bad = field.split(',').find((one) => !item.test(one))
    if (bad !== undefined) throw wrong(text, `${names[at] ?? ''} "${field}"${bad === field ? '' : `: "${bad}"`}`)
    const name = field.match(/[A-Za-z]{3}/g)?.find((one) => !named(at).includes(one.toLowerCase()))
    if (name !== undefined) throw wrong(text, `${names[at] ?? ''} "${field}": "${name}" is none`)
  })
  return fields
}

/** Answers with the first wall time after another. */
type Dates = (after: number) => number

/** Days are looked at this often for one that both rules name; more than there are until the calendar begins anew. */
const mostTries = 12_000

function datesOf(text: string, fields: readonly string[]): Dates {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  // both count where one of them begins at any day: "*/2" and "mon", as cron(8) has it; else either of them does
  const both = day !== '*' && weekday !== '*' && (day.includes('*') || weekday.includes('*'))
  const whole = expressionOf(text, fields)
  const expression = both ? expressionOf(text, [minute, hour, day, month, '*']) : whole
  const days = new Set(whole.fields.dayOfWeek.values.map((one) => Number(one) % 7))
  const next = (after: number): number => {
    expression.reset(new Date(after))
    for (let tries = 0; tries < mostTries; tries += 1) {
      const date = expression.next().getTime()
      if (!both || days.has(new Date(date).getUTCDay())) return date
    }
    throw wrong(text, 'it never comes')
  }
  try {
    next(0)
  } catch (error) {
    if (error instanceof BerthError) throw error
    throw wrong(text, 'it never comes', 'name a day that the month has')
  }
  return next
}

function expressionOf(text: string, fields: readonly string[]): ReturnType<typeof CronExpressionParser.parse> {
  try {
    return parser().parse(fields.join(' '), { tz: 'UTC', currentDate: new Date(0) })
  } catch (error) {
    if (/explicit day of month/.test(messageOf(error)))
      throw wrong(text, 'it never comes', 'name a day that the month has')
    const at = fields.findIndex((_, one) => !isGood(fields, one))
    throw wrong(text, `${names[at] ?? 'it'} "${fields[at] ?? ''}": ${messageOf(error).replace(/^\w+ error, /, '')}`)
  }
}

/** Whether a field is good beside others that are. */
function isGood(fields: readonly string[], at: number): boolean {
  try {
    parser().parse(fields.map((field, one) => (one === at ? field : '*')).join(' '))
    return true
  } catch {
    return false
  }
}

/** A time of day: every wall time counts once. */
function nextFixed(zone: Zone, dates: Dates, after: number): number {
  // one that the clock was put over comes at that moment, when the clock shows a later time already
  let wall = after + zone.offsetAt(after - 1)
  if (zone.offsetAt(after) > zone.offsetAt(after - 1)) wall = after + zone.offsetAt(after)
  for (;;) {
    wall = dates(wall)
    const time = timeOf(zone, wall)
    if (time > after) return time
  }
}

/** Every so many minutes: as time goes, whatever the clock is put to. */
function nextFlowing(zone: Zone, dates: Dates, after: number): number {
  let from = after
  // a clock that is put to another time every few hours is none
  for (let changes = 0; changes < 1000; changes += 1) {
    const offset = zone.offsetAt(from)
    // from the moment at which it was put on, that moment itself counts
    const wall = dates(from === after ? from + offset : from + offset - 1)
    const time = wall - offset
    if (zone.offsetAt(time) === offset) return time
    from = changeBetween(zone, from, time)
  }
  throw new BerthError('invalid', `the clock of ${zone.name} cannot be followed`)
}
