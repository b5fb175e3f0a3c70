import { once, EventEmitter } from 'node:events'
import { startCron, type CronDriver } from '../../src/cron/cron.js'
import { BerthError } from '../../src/errors.js'
import { createLog } from '../../src/log.js'
import type {
  Detached,
  DetachedEnding,
  DetachedOptions,
  DetachedSpec,
  Scheduler,
} from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { CronLine, CronRun } from '../../src/store/cron.js'
import { queueRig, type QueueRig } from '../queue/rig.js'
import { WallClock } from './clock.js'

/** A container of a run, without an engine. */
export class StandInRun implements Detached {
  readonly app: string
  readonly run: string
  readonly spec: DetachedSpec
  readonly release: number
  readonly lines: [time: string, text: string][] = []
  removed = false
  stopped = false
  #ending: DetachedEnding | null = null
  readonly #changes = new EventEmitter()

  constructor(app: string, release: number, spec: DetachedSpec) {
    this.app = app
    this.run = spec.run
    this.release = release
    this.spec = spec
  }

  /** Ends it. */
  end(code: number): void {
    this.#ending = { code, words: `exited with code ${String(code)}`, finishedAt: '2026-01-01T01:00:00Z' }
    this.#changes.emit('ended')
  }

  async follow({ line, signal }: DetachedOptions): Promise<DetachedEnding> {
    signal.throwIfAborted()
    if (this.#ending === null) await once(this.#changes, 'ended', { signal })
    if (this.removed || this.#ending === null) throw new BerthError('missing', 'its container is gone')
    for (const [time, text] of this.lines) await line(time, text)
    return this.#ending
  }

  stop(): Promise<void> {
    this.stopped = true
    this.end(143)
    return Promise.resolve()
  }

  remove(): Promise<void> {
    this.removed = true
    this.#changes.emit('ended')
    return Promise.resolve()
  }
}

/** Cron over a real store, a clock that the test moves, and runs without an engine. */
export interface CronRig extends QueueRig {
  readonly clock: WallClock
  /** All that were ever begun. */
  readonly begun: StandInRun[]
  /** What makes the next start fail. */
  refuse: Error | null
  /** What the starts of a command wait for. */
  readonly held: Map<string, Promise<unknown>>
  /** An app after its first push, with these entries in its app.json. */
  withLines(name: string, ...lines: CronLine[]): Promise<App>
  start(): Promise<CronDriver>
  /** Resolves when a run that is so is on record. */
  until(app: App, what: string, look: (runs: readonly CronRun[]) => boolean): Promise<CronRun[]>
}

export async function cronRig(at = '2026-01-01T00:00:30Z'): Promise<CronRig> {
  const rig = await queueRig()
  const clock = new WallClock(at)
  const begun: StandInRun[] = []
  const drivers: CronDriver[] = []
  const scheduler: Pick<Scheduler, 'detach' | 'detached'> = {
    detach: async (app, release, spec) => {
      if (made.refuse) throw made.refuse
      await made.held.get(spec.command[0] ?? '')
      const run = new StandInRun(app.id, release.version, spec)
      begun.push(run)
      return run
    },
    detached: () => Promise.resolve(begun.filter(({ removed }) => !removed)),
  }
  const log = createLog('test', { level: 'silent' })
  const made: CronRig = {
    ...rig,
    clock,
    begun,
    refuse: null,
    held: new Map(),
    withLines: async (name, ...cron) => {
      const app = await rig.app(name)
      await rig.store.releases.update(app.id, 2, { cron })
      return app
    },
    start: async () => {
      const driver = await startCron({ config: rig.config, store: rig.store, scheduler, log, clock })
      drivers.push(driver)
      return driver
    },
    until: async (app, what, look) => {
      for (let tries = 0; tries < 2000; tries += 1) {
        const runs = await rig.store.cron.runs(app.id)
        if (look(runs)) return runs
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      throw new Error(`no run is ${what}: ${JSON.stringify(await rig.store.cron.runs(app.id))}`)
    },
    [Symbol.asyncDispose]: async () => {
      for (const driver of drivers) await driver.stop()
      await rig[Symbol.asyncDispose]()
    },
  }
  return made
}
