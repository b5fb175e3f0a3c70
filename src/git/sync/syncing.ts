import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import type { Config } from '../../config.js'
import { BerthError, messageOf } from '../../errors.js'
import { KeyedMutex } from '../../lib/keyed-mutex.js'
import { orMissing, readIfThere } from '../../lib/missing.js'
import { Semaphore } from '../../lib/semaphore.js'
import type { Logger } from '../../log.js'
import { outcome } from '../../queue/follow.js'
import type { App } from '../../store/apps.js'
import { newOperationId } from '../../store/operations.js'
import type { Store } from '../../store/store.js'
import { isSyncOver, type Sync } from '../../store/syncs.js'
import { Disk } from '../disk.js'
import { fetchLfs } from '../lfs/elsewhere.js'
import { landsOn } from '../policy.js'
import { isUnderWay, pushIdOf } from '../pushes.js'
import { readRef } from '../refs.js'
import { Relay } from '../relay.js'
import { checkElsewhere, type Lookup } from '../remotes/hosts.js'
import { accessOf } from '../remotes/access.js'
import { checkGit } from '../remotes/reach.js'
import { parseUrl } from '../remotes/url.js'
import { ensureRepository } from '../repository.js'
import { SubmoduleCache } from '../submodules/cache.js'
import { pushLocally } from './local-push.js'
import { sourceName, writeSource } from './source.js'
import { SyncOutput } from './sync-output.js'
import { fetchTip, findTip, type Upstream } from './upstream.js'

/** Milliseconds that a fetch may take. */
const patienceMs = 300_000
/** Milliseconds that all files of Git LFS may take. */
const patienceForFilesMs = 900_000
/** What lines of a log begin with that say what went wrong. */
const marked = ' !     '
/** Fetches at once, of all apps. */
const mostFetches = 4
/** Files of Git LFS that the repository's own server does not have. */
const howToSend = 'in that repository: `git lfs push --all origin`; then `berth git:sync`'

export interface SyncDeps {
  readonly config: Config
  readonly store: Store
  readonly log: Logger
  /** Replaces how long a fetch may take; for tests. */
  readonly patienceMs?: number
  /** Replaces DNS; for tests. */
  readonly lookup?: Lookup
}

/** A sync that somebody asked for. */
export interface SyncRun {
  readonly id: string
  readonly output: SyncOutput
  /** Resolves when it is over; null when this process ends before it: the next one goes on with it. */
  readonly ended: Promise<Sync | null>
}

interface Waiting extends SyncRun {
  asked: number
  readonly recorded: Promise<unknown>
}

/**
 * Fetches the repositories that apps are kept from, and pushes what is new to the apps: one of an app at a time, and one that
 * waits, which all who ask meanwhile share.
 */
export class Syncing {
  readonly #deps: SyncDeps
  readonly #disk: Disk
  readonly #mutex = new KeyedMutex()
  readonly #fetches = new Semaphore(mostFetches)
  readonly #waiting = new Map<string, Waiting>()
  readonly #under = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(deps: SyncDeps) {
    this.#deps = deps
    this.#disk = new Disk(deps.config.root, deps.config.diskReserve)
  }

  /**
   * Asks for a sync. It is done, whatever dies, once this has resolved.
   * @throws BerthError `conflict` when the app is kept from nowhere, `missing` when it is gone
   */
  async ask(app: App, { cause, by }: Pick<Sync, 'cause' | 'by'>): Promise<SyncRun> {
    if (!app.gitSource) throw nowhere(app)
    const waiting = this.#waiting.get(app.id)
    if (waiting) {
      waiting.asked += 1
      await waiting.recorded
      return waiting
    }
    const owner = await pushIdOf(process.pid)
    const already = this.#waiting.get(app.id) // since then
    if (already) return this.ask(app, { cause, by })
    const sync: Sync = {
      ...{ id: newOperationId(), status: 'waiting', cause, by, asked: 1, source: writeSource(app.gitSource) },
      ...{ createdAt: new Date().toISOString(), finishedAt: null, commit: null, build: null, failure: null, owner },
    }
    const recorded = this.#deps.store.syncs(app.id).add(sync)
    const run = this.#begin(app.id, sync.id, recorded)
    if (await recorded) return run
    throw new BerthError('missing', 'the app is not there any more', 'run `berth apps` to see them all')
  }

  /** Goes on with what a process that has ended has left. Resolves at once; the work goes on. */
  async resume(): Promise<void> {
    const { store } = this.#deps
    for (const { id } of await store.apps.list())
      for (const sync of (await store.syncs(id).list()).reverse()) {
        if (isSyncOver(sync) || (sync.owner !== null && (await isUnderWay(sync.owner)))) continue
        const owner = await pushIdOf(process.pid)
        this.#begin(id, sync.id, store.syncs(id).update(sync.id, { status: 'waiting', owner }))
      }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#under.size > 0) await Promise.allSettled(this.#under)
  }

  /** Ends what is under way: the next process goes on with it. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.settled()
  }

  #begin(app: string, id: string, recorded: Promise<unknown>): SyncRun {
    const output = new SyncOutput()
    const ended = recorded
      .then(() => this.#mutex.run(app, () => this.#perform(app, run)))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#deps.log.error({ error: messageOf(error), app }, 'sync not done')
        return null
      })
      .finally(() => {
        if (this.#waiting.get(app) === run) this.#waiting.delete(app)
        output.end()
        this.#under.delete(ended)
      })
    this.#under.add(ended)
    const run: Waiting = { id, output, ended, recorded, asked: 1 }
    this.#waiting.set(app, run)
    return run
  }

  /** @returns null when this process ends */
  async #perform(id: string, run: Waiting): Promise<Sync | null> {
    const { store, log } = this.#deps
    const syncs = store.syncs(id)
    if (this.#waiting.get(id) === run) this.#waiting.delete(id)
    const sync = await syncs.update(run.id, { status: 'running', ...(run.asked > 1 && { asked: run.asked }) })
    const app = await store.apps.find(id)
    if (!app || !sync) return null // it went with the app
    const relay = new Relay((text) => {
      run.output.write(text)
      return Promise.resolve()
    })
    let failure: string | null
    try {
      failure = await this.#sync(app, run.id, relay)
    } catch (error) {
      if (this.#closing.signal.aborted) return null
      const known = error instanceof BerthError
      if (!known) log.error({ error: messageOf(error), app: app.name }, 'sync failed')
      failure = known ? error.message : 'Berth failed at this; the log of its api process says why'
      await relay.say(`${marked}${failure}\n${known && error.hint !== undefined ? `${marked}${error.hint}\n` : ''}`)
    }
    if (this.#closing.signal.aborted) return null
    await relay.end()
    return syncs.update(run.id, {
      ...{ status: failure === null ? 'succeeded' : 'failed', finishedAt: new Date().toISOString() },
      failure: failure?.split('\n', 1)[0] ?? null,
    })
  }

  /** @returns why it failed, where the log says so already; null when it did not */
  async #sync(app: App, id: string, relay: Relay): Promise<string | null> {
    const { config, store } = this.#deps
    const { signal } = this.#closing
    const before = await store.operations.get(id).catch(orMissing(null))
    if (before) return this.#endOf(app, id) // a process that has ended had come so far
    const { gitSource: source } = app
    if (!source) throw nowhere(app)
    const repository = await ensureRepository(config, app)
    const cache = new SubmoduleCache(repository)
    await checkGit(repository, cache.env)
    checkElsewhere(config.domain, parseUrl(source.url, sourceName).url, sourceName)
    return cache.inTemporary(async (directory) => {
      const from = join(directory, 'fetched')
      await cache.init(from)
      await writeFile(join(from, 'objects/info/alternates'), `${join(repository, 'objects')}\n`)
      const head = (await readIfThere(join(repository, 'HEAD'))) ?? ''
      const branch = landsOn(app, head.trim())
      const ref = `refs/heads/${branch}`
      const commit = await this.#fetches.run(() => this.#fetch(app, { from, ref, repository }, relay), { signal })
      await store.syncs(app.id).update(id, { commit })
      if ((await readRef(repository, ref)) === commit) return null
      let refusal: string | undefined
      const { env } = cache
      const push = { from, to: repository, commit, ref, sync: id, env, limits: config.push }
      const heard = (line: string): void => {
        if (line.startsWith(marked)) refusal ??= line.slice(marked.length)
        void relay.say(`${line}\n`)
      }
      const refused = await pushLocally(push, heard, signal)
      const why = refused && ((await this.#endOf(app, id)) ?? refusal)
      if (refused && why === undefined) throw refused
      return why ?? null
    })
  }

  async #fetch(
    app: App,
    { from, ref, repository }: Readonly<{ from: string; ref: string; repository: string }>,
    relay: Relay,
  ): Promise<string> {
    const { config, store, lookup } = this.#deps
    const source = app.gitSource ?? { url: '', ref: null }
    const at: Upstream = {
      ...{ repository: from, env: new SubmoduleCache(repository).env, trusted: config.gitPrivateHosts },
      ...(await accessOf(store, app)),
      most: Math.min(config.push.size, await this.#disk.room()),
      patienceMs: this.#deps.patienceMs ?? patienceMs,
      signal: this.#closing.signal,
      ...(lookup && { lookup }),
    }
    await relay.say(`-----> Fetching ${writeSource(source)}\n`)
    const tip = await findTip(at, source)
    const same = (await readRef(repository, ref)) === tip.commit
    const commit = same ? tip.commit : await fetchTip(at, source, tip)
    const order = { repository, config, disk: this.#disk, path: sourceName, hint: howToSend }
    const until = Date.now() + patienceForFilesMs
    const files = same ? 0 : await fetchLfs({ ...at, from, commit, origin: tip.origin, until }, order)
    if (files > 0) await relay.say(`       ${String(files)} file${files === 1 ? '' : 's'} of Git LFS fetched\n`)
    const short = commit.slice(0, 7)
    await relay.say(`       ${tip.name} is at ${short}${same ? ', as it was deployed: nothing is new' : ''}\n`)
    return commit
  }

  /** How the build of a sync ended: null well, else why not; null, too, when it has come to none. */
  async #endOf(app: App, id: string): Promise<string | null> {
    const { store } = this.#deps
    const build = (await store.syncs(app.id).find(id))?.build ?? id
    const operation = await store.operations.get(build).catch(orMissing(null))
    if (!operation) return null
    const { status, failure } = await outcome(store, operation)
    if (status === 'succeeded') return null
    return failure ?? (status === 'superseded' ? 'a newer push took its place' : `the build was ${status}`)
  }
}

const nowhere = ({ name }: App): BerthError =>
  new BerthError(
    'conflict',
    `${name} is kept from no repository`,
    'say from where: `berth git:set source=https://HOST/REPOSITORY.git#BRANCH`, or `berth deploy --git URL#BRANCH`',
  )
