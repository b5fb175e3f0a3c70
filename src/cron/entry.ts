import { sha256 } from '../config.js'
import { mostCronEntries, type AddedCronLine, type Concurrency, type CronLine } from '../store/cron.js'

/** What runs at times, as an app has it at this moment. */
export interface CronEntry {
  /** Of its app, schedule, command, time zone and type: the same as long as they are. */
  readonly id: string
  readonly schedule: string
  readonly command: string
  readonly timezone: string
  readonly concurrency: Concurrency
  /** Milliseconds; null is what the instance's setting says. */
  readonly timeout: number | null
  readonly type: string | null
  readonly source: 'app.json' | 'cron:add'
  /** Who has paused it; null: it runs. */
  readonly paused: 'app.json' | 'cron:pause' | null
}

/** What is said of an app beside its release. */
export interface KeptCron {
  readonly added: ReadonlyMap<string, AddedCronLine>
  readonly paused: Readonly<Record<string, string>>
}

/** What makes two entries of an app the same one. */
export const lineKey = ({ schedule, command, timezone = 'UTC', type }: CronLine): string =>
  JSON.stringify([schedule.trim().replace(/\s+/g, ' '), command.trim(), timezone, type ?? null])

/** The id of an app's entry, 8 hexadecimal digits: it goes by the app's id, so that another name changes nothing. */
export const entryId = (app: string, line: CronLine): string => sha256(`${app} ${lineKey(line)}`).slice(0, 8)

/** All entries of an app: those of its release's app.json, then those that were added. */
export function entriesOf(app: string, declared: readonly CronLine[], { added, paused }: KeptCron): CronEntry[] {
  const entry = (line: CronLine, source: CronEntry['source']): CronEntry => {
    const id = entryId(app, line)
    return {
      id,
      schedule: line.schedule,
      command: line.command,
      timezone: line.timezone ?? 'UTC',
      concurrency: line.concurrency ?? 'forbid',
      timeout: line.timeout ?? null,
      type: line.type ?? null,
      source,
      paused: Object.hasOwn(paused, id) ? 'cron:pause' : line.maintenance ? 'app.json' : null,
    }
  }
  const own = declared.map((line) => entry(line, 'app.json'))
  const others = [...added.values()].map((line) => entry(line, 'cron:add'))
  return [...own, ...others.filter(({ id }) => !own.some((one) => one.id === id))].slice(0, 2 * mostCronEntries)
}
