import { isAbsolute, relative, resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { change } from './records.js'

/** Where a plugin came from, and which of what is there it is. */
export type PluginSource =
  | { readonly type: 'berth' }
  | {
      readonly type: 'folder' | 'npm' | 'git'
      /** As it was asked for. */
      readonly from: string
      /** What it is pinned to: a version, a commit, a digest of its files. */
      readonly pin: string
    }

/** A plugin that was installed, or of Berth's own one that somebody has set or enabled. */
export interface PluginRecord {
  readonly name: string
  readonly kind: string
  readonly version: string
  readonly requires: readonly string[]
  readonly source: PluginSource
  /** Where its package lies; null of Berth's own. */
  readonly directory: string | null
  readonly enabled: boolean
  /** As they were given; some are secret. */
  readonly settings: Readonly<Record<string, string>>
  /** Names of those that nobody is shown. */
  readonly secrets: readonly string[]
  /** Counts changes: one that runs of an earlier revision is started anew. */
  readonly revision: number
}

/** What has become of one that was to be started. */
export interface PluginState {
  readonly state: 'starting' | 'running' | 'failed'
  readonly revision: number
  /** Of the process that starts it. */
  readonly pid: number
  /** Starts in a row that nobody has seen the end of. */
  readonly tries: number
  /** Why it is not running, one line. */
  readonly why: string | null
  /** RFC 3339 */
  readonly at: string
}

/** Channel that is told the name of a plugin when one changes. */
export const pluginChanges = 'plugins:changed'

/** Those of an instance: hash `plugins` (name -> JSON), and what became of each, hash `plugins:states` (name -> JSON). */
export class Plugins {
  readonly #redis: Redis
  /** Where the instance's state lies: it may be carried elsewhere, so directories are stored as they lie below it. */
  readonly #root: string
  constructor(redis: Redis, root: string) {
    this.#redis = redis
    this.#root = root
  }

  /** By name. */
  async list(): Promise<PluginRecord[]> {
    const all = (await this.#redis.hvals('plugins')).map((json) => this.#read(JSON.parse(json) as PluginRecord))
    return all.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whether one of a kind is to run. */
  async hasEnabled(kind: string): Promise<boolean> {
    return (await this.list()).some((one) => one.enabled && one.kind === kind)
  }

  async get(name: string): Promise<PluginRecord | null> {
    const json = await this.#redis.hget('plugins', name)
    return json === null ? null : this.#read(JSON.parse(json) as PluginRecord)
  }

  /** @throws BerthError `conflict` where there is one of that name */
  async add(record: PluginRecord): Promise<void> {
    if ((await this.#redis.hsetnx('plugins', record.name, JSON.stringify(this.#stored(record)))) === 0)
      throw new BerthError(
        'conflict',
        `there is a plugin ${record.name} already`,
        `\`berth plugins:update ${record.name}\` brings it up to date; \`berth plugins:uninstall ${record.name}\` removes it`,
      )
    await this.#changed(record.name)
  }

  /** @returns null when there is none */
  async update(name: string, next: (before: PluginRecord) => Partial<PluginRecord>): Promise<PluginRecord | null> {
    const after = await change<PluginRecord>(this.#redis, { hash: 'plugins', key: name }, (stored) => {
      const before = this.#read(stored)
      return this.#stored({ ...before, ...next(before), revision: before.revision + 1 })
    })
    await this.#changed(name)
    return after && this.#read(after)
  }

  async remove(name: string): Promise<void> {
    await this.#redis.multi().hdel('plugins', name).hdel('plugins:states', name).exec()
    await this.#changed(name)
  }

  async states(): Promise<Map<string, PluginState>> {
    const all = Object.entries(await this.#redis.hgetall('plugins:states'))
    return new Map(all.map(([name, json]) => [name, JSON.parse(json) as PluginState]))
  }

  async setState(name: string, state: Omit<PluginState, 'at'>): Promise<void> {
    await this.#redis.hset('plugins:states', name, JSON.stringify({ ...state, at: new Date().toISOString() }))
  }

  #read(record: PluginRecord): PluginRecord {
    return record.directory === null ? record : { ...record, directory: resolve(this.#root, record.directory) }
  }

  #stored(record: PluginRecord): PluginRecord {
    if (record.directory === null) return record
    const below = relative(this.#root, record.directory)
    return below.startsWith('..') || isAbsolute(below) ? record : { ...record, directory: below }
  }

  async #changed(name: string): Promise<void> {
    await this.#redis.publish(pluginChanges, name)
  }
}
