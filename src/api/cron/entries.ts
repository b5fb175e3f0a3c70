import { entriesOf, type CronEntry } from '../../cron/entry.js'
import { BerthError } from '../../errors.js'
import { without } from '../../lib/without.js'
import type { App } from '../../store/apps.js'
import type { CronRun } from '../../store/cron.js'
import type { Store } from '../../store/store.js'
import type { CronEntryView, CronRunView } from './contract.js'

/** A run as a caller sees it. */
export const viewRun = (run: CronRun): CronRunView => ({ ...without(run, 'boot', 'stop'), by: run.by?.name ?? null })

/** When an entry runs next, RFC 3339; null for one that an earlier Berth took and this one does not. */
async function nextOf({ schedule, timezone, paused }: CronEntry, now = Date.now()): Promise<string | null> {
  if (paused !== null) return null
  const { readSchedule } = await import('../../cron/schedule.js')
  try {
    return new Date(readSchedule(schedule, timezone).next(now)).toISOString()
  } catch {
    return null
  }
}

/** An entry with its next run, and its last. */
export const viewEntry = async (entry: CronEntry, runs: readonly CronRun[]): Promise<CronEntryView> => {
  const last = runs.find((run) => run.entry === entry.id)
  return { ...entry, next: await nextOf(entry), last: last ? viewRun(last) : null }
}

/** What is said of an entry that is not there. */
export const noEntry = (app: App, id: string): BerthError =>
  new BerthError('missing', `${app.name} has no cron entry ${id}`, `\`berth cron -a ${app.name}\` lists them all`)

/** The entries of an app, and their views. */
export class CronEntries {
  readonly #store: Store
  constructor(store: Store) {
    this.#store = store
  }

  async read(app: App): Promise<CronEntry[]> {
    const [release, added, paused] = await Promise.all([
      this.#store.releases.current(app),
      this.#store.cron.added(app.id),
      this.#store.cron.paused(app.id),
    ])
    return entriesOf(app.id, release.cron ?? [], { added, paused })
  }

  /** @throws BerthError `missing` */
  async find(app: App, id: string): Promise<CronEntry> {
    const entry = (await this.read(app)).find((one) => one.id === id)
    if (!entry) throw noEntry(app, id)
    return entry
  }

  async view(app: App, id: string): Promise<CronEntryView> {
    return viewEntry(await this.find(app, id), await this.#store.cron.runs(app.id))
  }
}
