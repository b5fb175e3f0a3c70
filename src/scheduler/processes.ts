import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { is } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import type { Store } from '../store/store.js'
import { entryOf, oneOffType } from './desired.js'
import { AppEngine } from './app-engine.js'
import type { ObservedContainer } from './plan.js'
import { ProcessRecords, type ProcessRecord } from './records.js'
import type { Process } from './scheduler.js'
import { canaryReleaseOf, Wanted } from './wanted.js'

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
  const [release, canary, records, found] = await Promise.all([
    app.current > 0 ? store.releases.current(app) : null,
    canaryReleaseOf(store, app),
    new ProcessRecords(store.redis).list(app.id),
    containers
      .list(app.id)
      .then((all) => all.get(app.id) ?? [])
      .catch((error: unknown) => {
        if (is(error, 'unavailable')) return null
        throw error
      }),
  ])
  const versions = [...records, ...(found ?? [])].map((one) => one.release)
  const views = new Views(await releasesOf(store, app, versions), new Wanted(app, release, canary))
  const known = views.ofRecords(records, found)
  const missing = views.ofMissing(known)
  return [...known, ...views.ofOneOffs(found ?? []), ...missing].sort(byName)
}

const nothing = { until: null, restarts: 0, failure: null }

/** What is shown of the processes of an app, by the releases that they are of. */
class Views {
  readonly #releases: ReadonlyMap<number, Release>
  readonly #wanted: Wanted

  constructor(releases: ReadonlyMap<number, Release>, wanted: Wanted) {
    this.#releases = releases
    this.#wanted = wanted
  }

  /** Of those on record; `found` is null while the engine is away. */
  ofRecords(records: readonly ProcessRecord[], found: readonly ObservedContainer[] | null): Process[] {
    const live = new Set(found?.filter((one) => one.running).map((one) => one.id))
    // the dead predecessor of a process that runs again is kept for its log only
    const isReplaced = ({ process }: ProcessRecord) =>
      records.some((one) => one.process === process && one.state !== 'crashed')
    return records
      .filter((one) => one.state !== 'crashed' || !isReplaced(one))
      .map(({ process: name, type, container, release, ...one }): Process => {
        const dead = found !== null && !live.has(container) && one.state !== 'crashed'
        const { since, until, restarts, unready } = one
        const isUnready = one.state === 'up' && !dead && (unready ?? null) !== null
        const state = dead ? 'down' : isUnready ? 'unready' : one.state
        const failure = isUnready ? (unready ?? null) : one.failure
        return { name, type, container, state, since, until, restarts, failure, ...this.#shapeOf(type, release) }
      })
  }

  ofOneOffs(found: readonly ObservedContainer[]): Process[] {
    return found
      .filter((one) => one.type === oneOffType && one.running)
      .map(({ process: name, type, id: container, createdAt, release }): Process => {
        const since = new Date(createdAt * 1000).toISOString()
        return { name, type, container, state: 'up', since, ...nothing, ...this.#shapeOf(type, release) }
      })
  }

  /** Of what should run and is not known. */
  ofMissing(known: readonly Process[]): Process[] {
    return this.#wanted.slots
      .filter((slot) => !known.some((one) => one.name === slot.process))
      .map((slot): Process => {
        const { process: name, type } = slot
        const shape = this.#shapeOf(type, this.#wanted.releaseOf(slot)?.version ?? 0)
        return { name, type, container: null, state: 'down', since: null, ...nothing, ...shape }
      })
  }

  #shapeOf(type: string, version: number): Pick<Process, 'release' | 'command' | 'memory' | 'cpus'> {
    const { release, canary } = this.#wanted
    const of = this.#releases.get(version) ?? (canary?.version === version ? canary : release)
    const { memory, cpus } = of ? entryOf(of, type) : { memory: 0, cpus: 0 }
    return { release: version, command: (of && own(of.processTypes, type)) ?? null, memory, cpus }
  }
}

async function releasesOf(store: Store, app: App, versions: readonly number[]): Promise<Map<number, Release>> {
  const all = await Promise.all(
    [...new Set(versions)].map((version) => store.releases.get(app.id, version).catch(orMissing(null))),
  )
  return new Map(all.flatMap((release) => (release ? [[release.version, release]] : [])))
}
