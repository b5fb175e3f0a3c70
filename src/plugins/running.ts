import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import type { Logger } from '../log.js'
import type { PluginRecord } from '../store/plugins.js'
import type { Store } from '../store/store.js'
import { version } from '../version.js'
import { directoryOf } from './find.js'
import { importPlugin, problemsOf } from './module.js'
import { orderOf } from './order.js'
import type { PluginHost, PluginInstances, PluginKind, PluginLog } from './plugin.js'
import { mostHeld, ThreadGuard, timesHeld } from './thread-guard.js'
import { watchdog } from './watchdog.js'

/** ms that a plugin has to load, to start, and to stop, each. */
const patience = 10_000

/** ms after which one that did not start is tried again. */
const pause = 60_000

/** A process that a plugin's start has ended so often starts it no more. */
const mostTries = 3

export interface PluginsDeps {
  readonly config: Pick<Config, 'root' | 'name' | 'domain'>
  readonly store: Pick<Store, 'plugins'>
  readonly log: Logger
  /** Those that this process runs; others are another's. */
  readonly kinds: readonly PluginKind[]
  readonly patience?: number
}

/** A plugin that runs. */
export interface RunningPlugin<K extends PluginKind = PluginKind> {
  readonly name: string
  readonly instance: PluginInstances[K]
}

interface Started {
  readonly record: PluginRecord
  readonly instance: object
  readonly closing: AbortController
}

/** The plugins of one process. Their code is loaded when something is first asked of their kind, and not before. */
export class RunningPlugins implements AsyncDisposable {
  readonly #deps: PluginsDeps
  readonly #running = new Map<string, Started>()
  /** Those that did not start, with the revision that did not, and when to try again. */
  readonly #failed = new Map<string, { readonly revision: number; readonly until: number }>()
  readonly #turn = new KeyedMutex()
  readonly #guard: ThreadGuard

  constructor(deps: PluginsDeps) {
    this.#deps = deps
    this.#guard = new ThreadGuard(deps.config.root, deps.patience === undefined ? undefined : 3 * deps.patience)
  }

  /**
   * Those of a kind that are enabled, in the order of what they require: started now where they are not, and anew where they have been
   * changed. One that does not start is reported (`berth plugins`) and left out.
   */
  running<K extends PluginKind>(kind: K): Promise<readonly RunningPlugin<K>[]> {
    return this.#turn.run('', async () => {
      const records = await this.#deps.store.plugins.list()
      if (records.length === 0 && this.#running.size === 0) return []
      await this.#stopChanged(records)
      const { order, skipped } = orderOf(records)
      for (const [name, why] of skipped)
        await this.#report(
          records.find((record) => record.name === name),
          why,
        )
      const wanted = neededFor(order, kind).filter((record) => this.#isMine(record))
      for (const record of wanted) if (!this.#running.has(record.name)) await this.#start(record)
      return wanted
        .filter((record) => record.kind === kind)
        .flatMap(({ name }) => {
          const started = this.#running.get(name)
          return started ? [{ name, instance: started.instance as PluginInstances[K] }] : []
        })
    })
  }

  /** Stops all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn.run('', () => this.#stopChanged([]))
    await this.#guard[Symbol.asyncDispose]()
  }

  #isMine({ kind }: PluginRecord): boolean {
    return (this.#deps.kinds as readonly string[]).includes(kind)
  }

  async #stopChanged(records: readonly PluginRecord[]): Promise<void> {
    const now = new Map(records.filter(({ enabled }) => enabled).map(({ name, revision }) => [name, revision]))
    // what requires others stops before them, and does not outlive them
    for (const [name, { record }] of [...this.#running].reverse())
      if (now.get(name) !== record.revision || record.requires.some((other) => this.#isGone(other, now)))
        await this.#stop(name)
  }

  #isGone(name: string, now: ReadonlyMap<string, number>): boolean {
    const started = this.#running.get(name)
    return started !== undefined && now.get(name) !== started.record.revision
  }

  async #stop(name: string): Promise<void> {
    const started = this.#running.get(name)
    this.#running.delete(name)
    if (!started) return
    started.closing.abort(new BerthError('unavailable', 'the plugin is stopped'))
    await this.#within(`plugin ${name} to stop`, dispose(started.instance)).catch((error: unknown) =>
      this.#deps.log.warn({ plugin: name }, `did not stop cleanly: ${messageOf(error)}`),
    )
  }

  async #start(record: PluginRecord): Promise<void> {
    const { name, revision, requires } = record
    const { plugins } = this.#deps.store
    const failed = this.#failed.get(name)
    if (failed?.revision === revision && failed.until > Date.now()) return
    const missing = requires.find((other) => this.#failed.has(other))
    if (missing !== undefined) return this.#report(record, `it requires ${missing}, which does not start`)
    const before = (await plugins.states()).get(name)
    const tries = before?.revision === revision ? before.tries : 0
    if (tries >= mostTries)
      return this.#report(record, `it was started ${tries} times, and each time the process did not live on`, tries)
    const held = await timesHeld(this.#deps.config.root, name, revision)
    if (held >= mostHeld)
      return this.#report(record, `it has kept the thread of its process ${held} times, until that was ended`, tries)
    await plugins.setState(name, { state: 'starting', revision, pid: process.pid, tries: tries + 1, why: null })
    const closing = new AbortController()
    try {
      const started = await this.#launch(record, closing.signal)
      // those that came with Berth are as much Berth as the rest of this process
      const instance = record.source.type === 'berth' ? started : await this.#guard.guard(name, revision, started)
      this.#running.set(name, { record, instance, closing })
      this.#failed.delete(name)
      await plugins.setState(name, { state: 'running', revision, pid: process.pid, tries: 0, why: null })
      this.#deps.log.info({ plugin: name, version: record.version }, 'plugin started')
    } catch (error) {
      closing.abort(error)
      await this.#report(record, messageOf(error))
    }
  }

  /** Runs its code: that it takes too long ends the wait for it, and that it keeps the thread ends the process. */
  async #launch(record: PluginRecord, signal: AbortSignal): Promise<object> {
    const { patience: limit = patience } = this.#deps
    using ends = new DisposableStack()
    ends.use(watchdog(3 * limit))
    const plugin = await this.#within('it to load', importPlugin(directoryOf(record)))
    if (plugin.name !== record.name || plugin.kind !== record.kind)
      throw new BerthError('conflict', `its files are those of ${plugin.name}, of kind ${plugin.kind}`)
    const read = plugin.settings?.safeParse(record.settings)
    if (read?.success === false)
      throw new BerthError('invalid', `its settings are not right: ${problemsOf(read.error)}`)
    const starting = Promise.resolve().then(() => plugin.start(this.#hostOf(record, read?.data ?? {}, signal)))
    try {
      const instance: unknown = await this.#within('it to start', starting)
      if (typeof instance !== 'object' || instance === null)
        throw new BerthError('invalid', 'its start answers with nothing')
      return instance
    } catch (error) {
      starting.then(dispose).catch(() => undefined) // one that comes too late goes again
      throw error
    }
  }

  #hostOf({ name }: PluginRecord, settings: Record<string, unknown>, signal: AbortSignal): PluginHost<never> {
    const { config, log } = this.#deps
    const note =
      (method: keyof PluginLog): PluginLog['info'] =>
      (message, fields = {}) =>
        log[method]({ ...fields, plugin: name }, message)
    return {
      settings: settings as never,
      log: { info: note('info'), warn: note('warn'), error: note('error') },
      signal,
      berth: { version, name: config.name, domain: config.domain },
      directory: async () => {
        const directory = join(config.root, 'plugins', '.data', name)
        await mkdir(directory, { recursive: true, mode: 0o700 })
        return directory
      },
    }
  }

  async #report(record: PluginRecord | undefined, why: string, tries = 0): Promise<void> {
    if (!record || !this.#isMine(record)) return
    const { name, revision } = record
    const known = this.#failed.get(name)
    this.#failed.set(name, { revision, until: Date.now() + pause })
    const line = why.split('\n', 1)[0]?.slice(0, 500) ?? ''
    if (known?.revision !== revision) this.#deps.log.error({ plugin: name }, `plugin does not start: ${line}`)
    const state = { state: 'failed', revision, pid: process.pid, tries, why: line } as const
    await this.#deps.store.plugins.setState(name, state)
  }

  async #within<T>(what: string, done: Promise<T>): Promise<T> {
    const { patience: limit = patience } = this.#deps
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new BerthError('unavailable', `waited ${limit / 1000} s for ${what}`)),
      limit,
    )
    return Promise.race([done, late.promise]).finally(() => clearTimeout(timer))
  }
}

const dispose = async (instance: object): Promise<void> =>
  (instance as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.()

/** Those of a kind, and what they require, in the same order. */
function neededFor(order: readonly PluginRecord[], kind: PluginKind): PluginRecord[] {
  const needed = new Set<string>()
  for (const record of [...order].reverse())
    if (record.kind === kind || needed.has(record.name))
      for (const name of [record.name, ...record.requires]) needed.add(name)
  return order.filter(({ name }) => needed.has(name))
}
