import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { is } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import type { Store } from '../store/store.js'
import { entryOf, oneOffType, slotsOf } from './desired.js'
import { AppEngine } from './app-engine.js'
import { ProcessRecords } from './records.js'
import type { Process } from './scheduler.js'

/** What looking at processes needs. */
export interface ProcessesDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
}

const byName = (a: Process, b: Process): number =>
  a.name.localeCompare(b.name, 'en', { numeric: true }) || a.release - b.release

/** See `Scheduler.processes`. */
export async function listProcesses({ config, store, engine }: ProcessesDeps, app: App): Promise<Process[]> {
  const containers = new AppEngine(engine, config.name)
  const [release, records, found] = await Promise.all([
    app.current > 0 ? store.releases.current(app) : null,
    new ProcessRecords(store.redis).list(app.id),
    containers
      .list(app.id)
      .then((all) => all.get(app.id) ?? [])
      .catch((error: unknown) => {
        if (is(error, 'unavailable')) return null
        throw error
      }),
  ])
  const live = new Set(found?.filter((one) => one.running).map((one) => one.id))
  const releases = await releasesOf(
    store,
    app,
    [...records, ...(found ?? [])].map((one) => one.release),
  )
  const shape = (type: string, version: number) => {
    const of = releases.get(version) ?? release
    const size = of ? entryOf(of, type) : { memory: 0, cpus: 0 }
    return {
      release: version,
      command: (of && own(of.processTypes, type)) ?? null,
      memory: size.memory,
      cpus: size.cpus,
    }
  }
  const nothing = { until: null, restarts: 0, failure: null }

  const known = records
    // the dead predecessor of a process that runs again is kept for its log only
    .filter(
      (one) => one.state !== 'crashed' || !records.some((o) => o.process === one.process && o.state !== 'crashed'),
    )
    .map((one): Process => {
      const dead = found !== null && !live.has(one.container) && one.state !== 'crashed'
      const { container, type, since, until, restarts, failure } = one
      const state = dead ? 'down' : one.state
      return { name: one.process, type, container, state, since, until, restarts, failure, ...shape(type, one.release) }
    })
  const oneOffs = (found ?? [])
    .filter((one) => one.type === oneOffType && one.running)
    .map((one): Process => {
      const since = new Date(one.createdAt * 1000).toISOString()
      const { process: name, type, id: container } = one
      return { name, type, container, state: 'up', since, ...nothing, ...shape(type, one.release) }
    })
  const missing = slotsOf(release)
    .filter((slot) => !known.some((one) => one.name === slot.process))
    .map(({ process: name, type }): Process => {
      return { name, type, container: null, state: 'down', since: null, ...nothing, ...shape(type, app.current) }
    })
  return [...known, ...oneOffs, ...missing].sort(byName)
}

async function releasesOf(store: Store, app: App, versions: readonly number[]): Promise<Map<number, Release>> {
  const all = await Promise.all(
    [...new Set(versions)].map((version) => store.releases.get(app.id, version).catch(orMissing(null))),
  )
  return new Map(all.flatMap((release) => (release ? [[release.version, release]] : [])))
}
