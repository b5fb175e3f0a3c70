import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import type { AppMount, SettingsOfTypes } from '../process-settings.js'
import type { DeclaredChecks } from './checks.js'
import type { CronLine } from './cron.js'
import { noApp } from './missing.js'
import type { Reaches } from './reach.js'
import { change } from './records.js'
import type { ReleaseLinks } from './release-links.js'

/** How many of an app's releases are remembered, with their config vars; the current one always is. */
export const keptReleases = 100

/** How many of a process type run, and how large. */
export interface FormationEntry {
  readonly quantity: number
  /** Bytes. */
  readonly memory: number
  readonly cpus: number
}

export const defaultEntry = (type: string): FormationEntry => ({
  quantity: type === 'web' ? 1 : 0,
  memory: 512 * 1024 * 1024,
  cpus: 1,
})

/** Commands for `/bin/sh -c`, each in a process of its own that has the release's image and config vars. */
export interface ReleaseScripts {
  /** Before anything of the release starts, and before its release command. */
  readonly before?: string
  /** When the release runs. */
  readonly after?: string
  /** When the app's first release runs: once, until it has ended well. */
  readonly once?: string
}

/** A numbered state of an app: image + config vars + formation. Every change of those makes the next. */
export interface Release {
  /** App id. */
  readonly app: string
  readonly version: number
  /** RFC 3339 */
  readonly createdAt: string
  /** What changed, in words: "Deploy 1a2b3c4", "Set GREETING config vars", "Rollback to v3". */
  readonly description: string
  readonly status: 'pending' | 'succeeded' | 'failed'
  /** Why it failed, as the pusher read it. */
  readonly failure: string | null
  /** Image id on the engine; null before the first push. */
  readonly image: string | null
  /** Process type -> image id, of those that run in another image than the rest. */
  readonly images?: Readonly<Record<string, string>> | undefined
  /** Port that the image of `web` exposes; PORT, unless a config var says otherwise. */
  readonly port?: number | undefined
  readonly commit: string | null
  /** What its image was built of: an id of the tree, and one of the config vars. Not known of old ones. */
  readonly source?: { readonly tree: string; readonly config: string } | undefined
  /** Process type -> command for `/bin/sh -c`; null is the image's own command. */
  readonly processTypes: Readonly<Record<string, string | null>>
  /** What processes of a type have beside image, command and size; nothing unless the app says so of each. */
  readonly settings?: SettingsOfTypes | undefined
  /** Which file of the app the commands of its process types come from; not known of old ones. */
  readonly origin?: 'Procfile' | 'package.json' | 'Dockerfile' | 'heroku.yml' | 'compose file' | undefined
  readonly config: Readonly<Record<string, string>>
  /** Who alone has which of them. */
  readonly reach?: Reaches | undefined
  readonly formation: Readonly<Record<string, FormationEntry>>
  /** Volumes that somebody has mounted into its processes, beside those of a compose file. */
  readonly mounts?: readonly AppMount[] | undefined
  /** Process type -> how many the app itself says, in its app.json; what somebody has scaled since counts more. */
  readonly declared?: Readonly<Record<string, number>> | undefined
  /** Commands of its app.json that run once beside its processes. */
  readonly scripts?: ReleaseScripts | undefined
  /** The checks of its processes that the app itself brings along. */
  readonly healthchecks?: DeclaredChecks | undefined
  /** What its app.json wants run at times. */
  readonly cron?: readonly CronLine[] | undefined
  /** It was a canary alone: the app has never run it. */
  readonly canary?: true
  /** The services that it is linked to. Their URLs are read when a process starts. */
  readonly links?: ReleaseLinks | undefined
}

export const firstRelease = (app: string): Release => ({
  app,
  version: 1,
  createdAt: new Date().toISOString(),
  description: 'Initial release',
  status: 'succeeded',
  failure: null,
  image: null,
  commit: null,
  processTypes: {},
  config: {},
  formation: {},
})

/** All images of a release; none before the first push. */
export const imagesOf = ({ image, images = {} }: Pick<Release, 'image' | 'images'>): string[] => [
  ...new Set([...(image === null ? [] : [image]), ...Object.values(images)]),
]

/** What of an app tells which release is its current one. */
interface CurrentOf {
  readonly id: string
  readonly name: string
  readonly current: number
}

/** The record of releases: one hash `releases:<app id>`, version -> JSON. */
export class Releases {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Newest first. */
  async list(app: string): Promise<Release[]> {
    const all = await this.#redis.hvals(`releases:${app}`)
    return all.map((json) => JSON.parse(json) as Release).sort((a, b) => b.version - a.version)
  }

  /**
   * The release that runs, or should. An app has one as long as it is there.
   * @throws BerthError `missing` when the app was destroyed meanwhile
   */
  async current({ id, name, current }: CurrentOf): Promise<Release> {
    const json = await this.#redis.hget(`releases:${id}`, String(current))
    if (json === null) throw noApp(name)
    return JSON.parse(json) as Release
  }

  /** @throws BerthError `missing`, of one that was and is kept no more too */
  async get(app: string, version: number): Promise<Release> {
    const json = await this.#redis.hget(`releases:${app}`, String(version))
    if (json !== null) return JSON.parse(json) as Release
    const was = version > 0 && version < (await this.nextVersion(app))
    throw was
      ? new BerthError(
          'missing',
          `v${version} is kept no more: of each app, the last ${keptReleases} releases are`,
          'run `berth releases` to see them, or check out its commit and push it again',
        )
      : new BerthError('missing', `no release v${version}`, 'run `berth releases` to see them all')
  }

  /** Writes a new release. Versions are given by the worker, which serialises an app's changes. */
  async put(release: Release): Promise<void> {
    await this.#redis.hset(`releases:${release.app}`, String(release.version), JSON.stringify(release))
  }

  /** Changes fields of a release; the others stay as they are. @throws BerthError `missing` */
  async update(app: string, version: number, patch: Partial<Omit<Release, 'app' | 'version'>>): Promise<Release> {
    const options = { hash: `releases:${app}`, key: String(version) }
    const now = await change<Release>(this.#redis, options, (before) => ({ ...before, ...patch }))
    return now ?? this.get(app, version)
  }

  async count(app: string): Promise<number> {
    return this.#redis.hlen(`releases:${app}`)
  }

  async remove(app: string, versions: readonly number[]): Promise<void> {
    if (versions.length > 0) await this.#redis.hdel(`releases:${app}`, ...versions.map(String))
  }

  /** The version the next release gets. */
  async nextVersion(app: string): Promise<number> {
    const versions = await this.#redis.hkeys(`releases:${app}`)
    return Math.max(0, ...versions.map(Number)) + 1
  }
}
