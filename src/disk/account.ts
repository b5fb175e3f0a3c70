import { backupsDirectory } from '../backups/places.js'
import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import type { EngineUsage, Kept } from '../engine-client/usage.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'
import { allPlaces, bytesOf, placesOf, type AppPlaces } from './places.js'
import { imagesByOwner } from './steps.js'

/** What an app has on the disk, in bytes. What others have too, as the image that its own begins with, is not counted. */
export interface AppDisk {
  readonly images: number
  /** What its processes have written outside volumes; with what they have printed, where the engine counts that. */
  readonly processes: number
  readonly volumes: number
  /** Its repository, large files of LFS and the last tree. */
  readonly git: number
  /** Of its builds, releases and cron runs. */
  readonly logs: number
  /** What its builds keep for the next. */
  readonly cache: number
}

/** Who has what on the disk, in bytes. */
export interface DiskAccount {
  /** By app id. */
  readonly apps: ReadonlyMap<string, AppDisk>
  /** Data of services, by id. */
  readonly services: ReadonlyMap<string, number>
  /** Images that several apps have, or none, and those of services. */
  readonly images: number
  /** What builds keep that is of no one app, and volumes and containers that are nobody's. */
  readonly others: number
  /** What is on this disk of backups. */
  readonly backups: number
  /** Berth's own: its store, logs, certificates, plugins, downloads. */
  readonly own: number
}

/** What measuring takes. */
export interface AccountDeps {
  readonly config: Config
  readonly store: Pick<Store, 'apps' | 'operations' | 'services'>
  readonly engine: Pick<EngineClient, 'usage'>
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0)

/** The whole of an app. */
export const totalOf = (disk: AppDisk): number => sum(Object.values(disk) as number[])

/** Measures all of it; seconds where there is much. @throws BerthError `unavailable` while the engine is away */
export async function measureDisk(deps: AccountDeps): Promise<DiskAccount> {
  const [usage, apps, services] = await Promise.all([
    deps.engine.usage(),
    deps.store.apps.list(),
    deps.store.services.list(),
  ])
  const places = await Promise.all(apps.map((app) => placesOf(deps, app)))
  const [all, ofApps] = await Promise.all([
    bytesOf(await allPlaces(deps.config)),
    bytesOf(places.flatMap(({ git, logs }) => [...git, ...logs])),
  ])
  const backups = all.get(backupsDirectory(deps.config)) ?? 0
  const known = new Set(apps.map(({ id }) => id))
  const appOf = ({ labels }: Pick<Kept, 'labels'>): string => {
    const id = labels[label.app] ?? ''
    return known.has(id) ? id : ''
  }
  const kept = keptBy(usage, appOf)
  const images = imagesByOwner(usage.images, appOf)
  const ofServices = byOwner(usage.volumes, ({ labels }) => labels[label.service] ?? '')
  const disks = apps.map((app, at) => [app.id, appDisk(app, { kept, images, ofApps, places: places[at] })] as const)
  return {
    apps: new Map(disks),
    services: new Map(services.map(({ id }) => [id, ofServices.get(id) ?? 0])),
    images: images.get('') ?? 0,
    others:
      sum(Object.values(kept).map((one) => one.get('') ?? 0)) - sum(services.map(({ id }) => ofServices.get(id) ?? 0)),
    backups,
    own: sum(all.values()) - sum(ofApps.values()) - backups,
  }
}

function byOwner(all: readonly Kept[], ownerOf: (one: Kept) => string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const one of all) sums.set(ownerOf(one), (sums.get(ownerOf(one)) ?? 0) + one.bytes)
  return sums
}

const keptBy = ({ containers, volumes, cache }: EngineUsage, appOf: (one: Kept) => string) => ({
  processes: byOwner(containers, appOf),
  volumes: byOwner(volumes, appOf),
  cache: byOwner(cache, appOf),
})

interface Found {
  readonly kept: ReturnType<typeof keptBy>
  readonly images: ReadonlyMap<string, number>
  readonly ofApps: ReadonlyMap<string, number>
  readonly places: AppPlaces | undefined
}

function appDisk({ id }: App, { kept, images, ofApps, places }: Found): AppDisk {
  const below = (paths: readonly string[] = []): number => sum(paths.map((path) => ofApps.get(path) ?? 0))
  return {
    images: images.get(id) ?? 0,
    processes: kept.processes.get(id) ?? 0,
    volumes: kept.volumes.get(id) ?? 0,
    git: below(places?.git),
    logs: below(places?.logs),
    cache: kept.cache.get(id) ?? 0,
  }
}
