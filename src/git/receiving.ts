import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config.js'
import { BerthError, is, messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import { followLog, outcome } from '../queue/follow.js'
import { operationFiles, lastTree, removeSource } from '../builds/files.js'
import { submit } from '../queue/submit.js'
import type { App } from '../store/apps.js'
import { newOperationId, type Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'
import type { RefCommand } from './commands.js'
import { checkConnected } from './connected.js'
import type { DiskMeter } from '../disk/meter.js'
import type { Disk } from './disk.js'
import { exportTree, quarantineEnv, readCommit } from './export.js'
import { landsOn, policyOn } from './policy.js'
import type { PushOptions } from './push-options.js'
import { moveToPush, prepareMove } from './ref-moves.js'
import { unwatchedBy } from './watch.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import { orMissing, readIfThere } from '../lib/missing.js'
import {
  checkQuarantine,
  forgetPush,
  isUnderWay,
  listPushes,
  readPush,
  recordPush,
  syncObjects,
  type Push,
} from './pushes.js'
import { repositoryOf } from './repository.js'
import { stalenessOf } from './staleness.js'
import { mergeSubmodules, withSubmodules, type SubmoduleDeps } from './submodules/submodules.js'

export interface Receiver {
  readonly config: Config
  readonly store: Store
  readonly log: Logger
  /** What apps may have of the disk; without it, all. */
  readonly meter?: Pick<DiskMeter, 'demandRoom'>
  /** Replaces what fetching submodules takes of the world; for tests. */
  readonly submodules?: Pick<SubmoduleDeps, 'lookup' | 'patienceMs'>
}

/** Takes text for the pusher, and resolves when there is room for more. */
type Say = (text: string) => Promise<void>

/** What a pre-receive hook asks about. */
export interface Question {
  readonly push: string
  /** The sync that pushes (sync/syncing.ts); null when somebody else does. */
  readonly sync: string | null
  readonly commands: readonly RefCommand[]
  readonly options: PushOptions
  /** receive-pack's own object directory, as the hook says; empty when nothing but deletions was pushed. */
  readonly quarantine: string
}

/** What was pushed, where: the objects are in the quarantine still. */
interface Pushed {
  readonly app: App
  readonly repository: string
  readonly quarantine: string
}

/** Refs of a push whose refusal is told in its log; git tells of each. */
const mostNamed = 20
/** A ref that could not be moved is tried again after so long. Milliseconds. */
const againMs = [1_000, 5_000, 15_000, 60_000]
/** A receive-pack that is not our child tells nobody when it ends, and is looked at this often. Milliseconds. */
const underWayMs = 500

/**
 * What the hooks of git ask, answered. Everything may be asked again: a hook whose answer was cut off does, of the next api
 * process if need be.
 */
export class Receiving {
  readonly #at: Receiver
  readonly #disk: Disk
  readonly #submodules: SubmoduleDeps
  readonly #mutex = new KeyedMutex()

  constructor(at: Receiver, disk: Disk) {
    this.#at = at
    this.#disk = disk
    this.#submodules = { ...at, disk, ...at.submodules }
  }

  /**
   * Deploys what was pushed, follows it to its end, and moves its ref: before git is told, whose next steps can then change
   * nothing any more.
   * @param say takes text for the pusher, and resolves when there is room for more
   * @param signal ends it early; the operation goes on
   */
  async preReceive(app: App, question: Question, say: Say, signal: AbortSignal): Promise<void> {
    const { config, store } = this.#at
    const repository = repositoryOf(config, app.id)
    try {
      const begin = (say: Say) => this.#mutex.run(app.id, () => this.#begin(app, repository, question, say))
      const push = await withSubmodules(begin, say, signal)
      if (push === null) return
      if (question.sync !== null) this.#settleSync(app, repository, push)
      const operation = await store.operations.get(push.operation)
      // a pusher that reads slowly keeps its own log waiting, and not the ref
      const ended = this.#moveAtEnd(app, repository, push, operation)
      ended.catch(() => undefined) // awaited below, unless the pusher goes first
      for await (const { text } of followLog(config, store, operation.id, { signal })) await say(text)
      if (signal.aborted) return
      if ((await ended).status === 'superseded')
        await say(' !     superseded by a newer push: this one was not deployed\n')
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof BerthError)) this.#at.log.error({ error: messageOf(error), app: app.name }, 'push failed')
      const hint = error instanceof BerthError && error.hint !== undefined ? ` !     ${error.hint}\n` : ''
      await say(` !     ${messageOf(error)}\n${hint}`)
    }
  }

  /** Whether git shall accept a push: it was deployed. Resolves when that is known. */
  async verdict(app: App, id: string): Promise<boolean> {
    const { config, store } = this.#at
    const push = await readPush(repositoryOf(config, app.id), id)
    if (!push) return false // it was refused before anything was done
    return (await outcome(store, await store.operations.get(push.operation))).status === 'succeeded'
  }

  /** A push's receive-pack has ended, well or badly: when its operation has too, the ref is made to agree. */
  async settle(app: string, id: string): Promise<void> {
    const repository = repositoryOf(this.#at.config, app)
    const push = await readPush(repository, id)
    if (push) await this.#settle(app, repository, push)
  }

  /** Settles what an api process that died has left. Resolves at once; the work goes on for as long as the operations do. */
  async settleAll(): Promise<void> {
    for (const { id } of await this.#at.store.apps.list()) {
      const repository = repositoryOf(this.#at.config, id)
      for (const push of await listPushes(repository))
        this.#settle(id, repository, push).catch((error: unknown) =>
          this.#at.log.error({ error: messageOf(error), app: id }, 'push not settled'),
        )
    }
  }

  /** Nobody tells of the end of a receive-pack that is not a child of ours. */
  #settleSync({ id, name }: App, repository: string, push: Push): void {
    this.#settle(id, repository, push).catch((error: unknown) =>
      this.#at.log.error({ error: messageOf(error), app: name }, 'push not settled'),
    )
  }

  /** Goes on until the ref agrees with the operation, however often it fails. */
  async #settle(app: string, repository: string, push: Push): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#trySettle(app, repository, push)
        return
      } catch (error) {
        this.#at.log.error({ error: messageOf(error), app }, 'push not settled yet')
        const ms = againMs[Math.min(attempt, againMs.length - 1)]
        await delay(ms, undefined, { ref: false }) // what is in the way (a full disk, Redis) tells nobody when it goes
      }
    }
  }

  async #trySettle(app: string, repository: string, push: Push): Promise<void> {
    const { store } = this.#at
    const operation = await store.operations.get(push.operation).catch(orMissing(null))
    if (operation) {
      const end = await outcome(store, operation)
      // an app destroyed meanwhile has no repository
      if (end.status === 'succeeded' && (await store.apps.find(app))) await this.#move(app, repository, push, end)
    }
    // that of an api process that was killed, or has handed over, runs on, and its hooks ask us
    while (await isUnderWay(push.id)) await delay(underWayMs, undefined, { ref: false })
    if (!operation) await removeSource(this.#at.config, push.operation) // it was never submitted
    await forgetPush(repository, push.id)
  }

  /** What is deployed is not refused: a ref that cannot be moved when its operation is over is moved when the push is settled. */
  async #moveAtEnd(app: App, repository: string, push: Push, operation: Operation): Promise<Operation> {
    const end = await outcome(this.#at.store, operation)
    if (end.status === 'succeeded')
      await this.#move(app.id, repository, push, end).catch((error: unknown) =>
        this.#at.log.error({ error: messageOf(error), app: app.name }, 'ref not moved yet'),
      )
    return end
  }

  #move(app: string, repository: string, push: Push, operation: Operation): Promise<void> {
    return this.#mutex.run(app, () => moveToPush(repository, push, operation))
  }

  /** From a question to an operation that is sure to be carried out; null when there is nothing to deploy. */
  async #begin(app: App, repository: string, question: Question, say: Say): Promise<Push | null> {
    const known = await readPush(repository, question.push)
    if (known) {
      await this.#resubmit(app, known)
      return known
    }
    const { options } = question
    const { deploys, refused } = policyOn(app, question.commands, options.branch)
    for (const { ref, reason } of refused.slice(0, mostNamed))
      await say(` !     ${ref.replace(/^refs\/heads\//, '')}: ${reason ?? ''}\n`)
    if (!deploys) return null
    await this.#at.meter?.demandRoom(app)
    const { pushed, command } = await this.#target(app, repository, deploys, options)
    const quarantine = checkQuarantine(repository, question.quarantine)
    const pending = await this.#at.store.operations.pending(app.id)
    const id = await this.#nameOperation(app, question)
    const taken = await this.#takeTree({ app, repository, quarantine, command }, pending, id)
    const push: Push = { id: question.push, operation: id, command, ...pushed, options, ...taken, refused }
    await this.#submit({ app, repository, quarantine, push }, async () => {
      if (pending.length > 0) await say('-----> Waiting for the change before this one to end\n')
    })
    if (question.sync !== null) await this.#at.store.syncs(app.id).update(question.sync, { build: id })
    return push
  }

  /** A sync's operation has its id, if it is the first of it; who asked for the one asks for the other. */
  async #nameOperation({ id: app }: App, { push, sync }: Question): Promise<string> {
    const { operations, pushers, syncs } = this.#at.store
    const known = sync === null ? null : await syncs(app).find(sync)
    if (!known) return newOperationId()
    if (known.by) await pushers.put(push, known.by)
    return (await operations.get(known.id).catch(orMissing(null))) ? newOperationId() : known.id
  }

  /** Which ref a push moves: that of the app, whatever branch it deploys. */
  async #target(
    app: App,
    repository: string,
    deploys: RefCommand,
    { branch }: PushOptions,
  ): Promise<{ command: RefCommand; pushed?: { pushed: string } }> {
    if (branch === undefined) return { command: deploys }
    const head = (await readIfThere(join(repository, 'HEAD'))) ?? ''
    const ref = `refs/heads/${landsOn(app, head.trim())}`
    return { command: { ...deploys, ref }, ...(ref !== deploys.ref && { pushed: { pushed: deploys.ref } }) }
  }

  /**
   * Writes the pushed tree to the disk, once nothing speaks against the push that git would say only when it is deployed.
   * @returns an id of the tree, and the operations that make the push stale when one of them succeeds first
   */
  async #takeTree(
    { app, repository, quarantine, command }: Pushed & { readonly command: RefCommand },
    pending: readonly Operation[],
    id: string,
  ): Promise<Pick<Push, 'tree' | 'unless' | 'unwatched'>> {
    const { config } = this.#at
    const env = quarantineEnv(repository, quarantine)
    const { stale, unless } = await stalenessOf(repository, command, pending, env)
    if (stale)
      throw new BerthError('conflict', 'the branch has moved since you last fetched it', 'fetch, merge and push again')
    const [directory, last] = [operationFiles(config, id).source, lastTree(config, app.id)]
    const tree = { repository, commit: command.new, directory, env, last, limits: config.push, disk: this.#disk }
    const checks = [readCommit(tree), checkConnected(repository, command.new, env)] as const
    const others = [prepareMove(repository, command, env), syncObjects(quarantine)]
    const settled = Promise.allSettled(others) // heard from now on: one that fails before the checks end must end no process
    const watching = unwatchedBy(this.#at.store, app, tree).catch(() => null) // not known: it is built
    // within limits it may lie there for as long as the checks take: what they refuse is removed again
    const exported = checks[0].then(async (facts) => {
      const whole = await mergeSubmodules(this.#submodules, app, tree, facts)
      await exportTree(whole.tree, whole.facts)
      return whole.facts.id
    })
    await Promise.allSettled([...checks, exported, watching, settled])
    try {
      await Promise.all(checks) // what they say tells more than what fails for it
      const [id, unwatched] = await Promise.all([exported, watching, ...others])
      return { tree: id, unless, ...(unwatched && { unwatched }) }
    } catch (error) {
      await removeSource(config, id)
      throw error
    }
  }

  /** Records a push and its operation: both, or none that is known of. @param recorded is called between the two */
  async #submit(
    { app, repository, quarantine, push }: Pushed & { readonly push: Push },
    recorded: () => Promise<void>,
  ): Promise<void> {
    const { config, store } = this.#at
    let submitted = false
    try {
      await recordPush(repository, push, quarantine)
      await recorded()
      const by = await store.pushers.get(push.id)
      submitted = true
      await submit(store, app, changeOf(push), { id: push.operation, by })
    } catch (error) {
      // what Redis did not confirm may be recorded all the same, and be deployed: `settle` finds out
      if (submitted && !is(error, 'missing')) throw error
      await forgetPush(repository, push.id)
      await removeSource(config, push.operation)
      throw error
    }
  }

  /** The api process may have died between the record and the operation. */
  async #resubmit(app: App, push: Push): Promise<void> {
    const { store } = this.#at
    try {
      await store.operations.get(push.operation)
    } catch (error) {
      if (!is(error, 'missing')) throw error
      await submit(store, app, changeOf(push), { id: push.operation, by: await store.pushers.get(push.id) })
    }
  }
}

const changeOf = ({ command, pushed = command.ref, options = {}, tree, unwatched, unless = [] }: Push) => ({
  kind: 'push' as const,
  commit: command.new,
  branch: pushed.slice('refs/heads/'.length),
  ...(options.rebuild && { forced: true as const }),
  ...(options.noCache && { noCache: true as const }),
  ...(options.pull && { pull: true as const }),
  ...(options.env && { env: options.env }),
  ...(options.canary !== undefined && { canary: options.canary }),
  ...(tree !== undefined && { tree }),
  ...(unwatched && { unwatched }),
  ...(unless.length > 0 && { unless }),
})
