import type { CronEntry } from './entry.js'
import type { Schedule } from './schedule.js'

const hour = 3_600_000

/** What was to run longer ago is not made good. Milliseconds. */
const mostLate = hour

/** A clock that was set back by more begins anew, as with cron(8). Milliseconds. */
const mostBack = 3 * hour

/** An entry, and when it runs. */
export interface PlannedEntry {
  readonly entry: CronEntry
  readonly schedule: Schedule
  /** The last minute that was dealt with, or since when it is known. */
  last: number
  next: number
}

/** Plans an entry from now on. @param last the last minute that was dealt with, where it is known */
export function plan(entry: CronEntry, schedule: Schedule, last: number | undefined, now: number): PlannedEntry {
  const from = last === undefined || last > now + mostBack ? now : last
  return { entry, schedule, last: from, next: schedule.next(from) }
}

/** What has come of an entry by now. */
export interface Due {
  /** The minute to run for; null is none. */
  readonly run: number | null
  /** The first one that went by and is not made good; null is none. */
  readonly missed: number | null
}

/**
 * What is due of an entry by now, however much time has passed unseen: of all that came up, the last runs, and only if it is not
 * more than an hour late. The entry then waits for what comes after now.
 */
export function dueOf(planned: PlannedEntry, now: number): Due {
  const first = planned.next
  if (first > now) return { run: null, missed: null }
  let run: number | null = null
  for (let at = first >= now - mostLate ? first : planned.schedule.next(now - mostLate - 1); at <= now;) {
    run = at
    at = planned.schedule.next(at)
  }
  planned.last = run ?? now
  planned.next = planned.schedule.next(now)
  return { run, missed: run === first ? null : first }
}
