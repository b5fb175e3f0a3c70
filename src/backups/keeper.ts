import { setTimeout as delay } from 'node:timers/promises'
import { BerthError, messageOf } from '../errors.js'
import { volumeOf } from '../scheduler/settings.js'
import { backupChanges, isJobOver, type BackupJob } from '../store/backups.js'
import { letIn } from './copies.js'
import { dueNow } from './due.js'
import { cleanSpool } from './spool.js'
import { allSubjects, backupLabel, partsOf } from './subjects.js'
import { removeService } from './scratch.js'
import { runTask } from './run.js'
import type { BackupDeps } from './task.js'

/** ms between looks at what is due: nothing tells of the time. */
const lookMs = 30_000
/** How often one is begun whose worker dies meanwhile. */
const mostAttempts = 3
/** ms between two notes of how many bytes are done. */
const tellMs = 500

/** Does what is asked of backups, one thing after the other, and asks for what is due by itself. The worker has the one of an instance. */
export class BackupKeeper {
  readonly #deps: BackupDeps
  readonly #stopping = new AbortController()
  #wake: () => void = () => undefined
  #unsubscribe = (): void => undefined
  #look: NodeJS.Timeout | undefined
  #loop: Promise<void> = Promise.resolve()
  #current: { readonly id: string; readonly off: AbortController } | undefined

  constructor(deps: BackupDeps) {
    this.#deps = deps
  }

  /** Takes up what a worker before has left. Resolves when it is told of what is asked. */
  async start(): Promise<void> {
    const { store } = this.#deps
    this.#unsubscribe = await store.notifications.subscribe(backupChanges, (id) => {
      if (id === '' || id === this.#current?.id) void this.#heed().catch(() => undefined)
      this.#wake()
    })
    this.#look = setInterval(() => void this.#submitDue(), lookMs)
    this.#loop = this.#run()
  }

  /** Begins nothing more, and breaks off what it is at: that is begun anew by the next. */
  async stop(): Promise<void> {
    clearInterval(this.#look)
    this.#unsubscribe()
    this.#stopping.abort(new BerthError('unavailable', 'Berth stops'))
    this.#wake()
    await Promise.race([this.#loop, delay(10_000)])
  }

  async #run(): Promise<void> {
    const { log } = this.#deps
    const { signal } = this.#stopping
    const stops = (): boolean => signal.aborted
    for (let clean = false; !stops();) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      try {
        if (!clean) await this.#cleanUp()
        clean = true
        const next = (await this.#deps.store.backups.jobs()).findLast(({ state }) => state === 'queued')
        if (next) await this.#begin(next)
        else await woken
      } catch (error) {
        if (!stops()) log.warn(`backups: ${messageOf(error)}`)
        await delay(2_000, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** What a worker that died was at begins anew: nothing of it has been taken for done. */
  async #cleanUp(): Promise<void> {
    const { store, engine, config } = this.#deps
    await cleanSpool(config)
    for (const { Id } of await engine.containers.list([`${backupLabel}=${config.name}`]))
      await engine.containers.remove(Id)
    for (const { id, scratch } of await store.services.list()) if (scratch) await removeService(this.#deps, id)
    for (const { id, state, task, subject } of await store.backups.jobs()) {
      if (state !== 'running') continue
      // nobody is kept out by one that has ended
      if (task === 'upgrade') await letIn(this.#deps, subject?.id ?? '')
      await store.backups.updateJob(id, ({ attempts }) =>
        attempts < mostAttempts
          ? { state: 'queued' }
          : { state: 'failed', failure: 'the worker ended in the middle of it, again and again', ...ended() },
      )
    }
  }

  async #begin(queued: BackupJob): Promise<void> {
    const { store, log } = this.#deps
    const off = new AbortController()
    this.#current = { id: queued.id, off }
    try {
      const job = await store.backups.updateJob(queued.id, ({ attempts, state, cancel }) =>
        state !== 'queued'
          ? null
          : cancel
            ? { state: 'cancelled', ...ended() }
            : { state: 'running', attempts: attempts + 1, bytes: 0, total: null },
      )
      if (job?.state !== 'running') return
      const signal = AbortSignal.any([off.signal, this.#stopping.signal])
      const note = await runTask(this.#deps, { job, signal, ...this.#teller(job.id) })
      await store.backups.updateJob(job.id, () => ({ state: 'succeeded', note, ...ended() }))
      this.#deps.notifiers?.recovered(queued.subject?.name ?? 'backups')
    } catch (error) {
      if (this.#stopping.signal.aborted) await store.backups.updateJob(queued.id, () => ({ state: 'queued' }))
      else if (off.signal.aborted) await store.backups.updateJob(queued.id, () => ({ state: 'cancelled', ...ended() }))
      else await this.#failed(queued, error)
      if (!(error instanceof BerthError)) log.error({ error, job: queued.id }, 'backup failed unexpectedly')
    } finally {
      this.#current = undefined
    }
  }

  /** It is told: in the record, in the log, and in that of the app. */
  async #failed({ id, task, subject }: BackupJob, error: unknown): Promise<void> {
    const { store, log } = this.#deps
    const failure = messageOf(error)
    log.warn({ job: id, task, subject: subject?.name }, `backups: ${failure}`)
    const hint = error instanceof BerthError && error.hint !== undefined ? ` (${error.hint})` : ''
    await store.backups.updateJob(id, () => ({ state: 'failed', failure: `${failure}${hint}`, ...ended() }))
    this.#deps.notifiers?.tell({
      ...{ event: 'backup.failed', level: 'error', subject: subject?.name ?? 'backups', url: null },
      title: `${task} of ${subject?.name ?? 'backups'} failed`,
      text: `${failure}${hint}\n\`berth backups\` shows what there is`,
    })
    if (subject?.type !== 'volume') return
    const { app, volume } = partsOf(subject.id)
    await store.notices.add(app, 'backups', `${task} of the volume ${volume} failed: ${failure}`)
  }

  #teller(id: string) {
    const { store, log } = this.#deps
    const failed = (error: unknown): void => log.warn(`backups: ${messageOf(error)}`)
    let told = 0
    return {
      step: async (note: string, total: number | null): Promise<void> => {
        const since = new Date().toISOString()
        await store.backups.updateJob(id, () => ({ note, total, bytes: 0, since }))
      },
      onBytes: (bytes: number): void => {
        const now = Date.now()
        if (now - told < tellMs) return
        told = now
        void store.backups.updateJob(id, () => ({ bytes })).catch(failed)
      },
    }
  }

  async #heed(): Promise<void> {
    const current = this.#current
    if (current === undefined) return
    const job = await this.#deps.store.backups.findJob(current.id)
    if (job?.cancel) current.off.abort(new BerthError('conflict', 'it was cancelled'))
  }

  async #submitDue(): Promise<void> {
    const { store, log } = this.#deps
    try {
      const { backups } = store
      const [settings, all, jobs, subjects] = await Promise.all([
        ...([backups.settings(), backups.list(), backups.jobs()] as const),
        allSubjects(this.#deps),
      ] as const)
      const made = new Set(jobs.filter((job) => !isJobOver(job)).map((job) => job.made))
      const wanted = subjects.filter(({ type, id }) => {
        const { app, volume } = partsOf(id)
        return type === 'service' || !made.has(volumeOf(app, volume))
      })
      for (const job of dueNow({ settings, backups: all, jobs }, wanted, Date.now())) await backups.submit(job)
    } catch (error) {
      log.warn(`backups: what is due cannot be told: ${messageOf(error)}`)
    }
  }
}

const ended = (): Pick<BackupJob, 'endedAt' | 'made'> => ({ endedAt: new Date().toISOString(), made: null })
