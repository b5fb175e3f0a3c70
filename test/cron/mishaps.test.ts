import { expect } from 'chai'
import { startCron, type CronDriver } from '../../src/cron/cron.js'
import { createLog } from '../../src/log.js'
import type { DetachedSpec, Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { CronLine, CronRun } from '../../src/store/cron.js'
import { openStore, type Store } from '../../src/store/store.js'
import { WallClock } from './clock.js'
import { cronRig, StandInRun, type CronRig } from './rig.js'

const minute = 60_000
const every: CronLine = { schedule: '* * * * *', command: 'node task.js' }
const log = createLog('test', { level: 'silent' })

/** Where a worker is killed while it begins a run. */
type KillPoint = 'before the container is made' | 'when it is made' | 'while it is followed'

describe('cron, when something is killed in the middle of a run,', () => {
  let rig: CronRig
  const drivers: CronDriver[] = []
  beforeEach(async () => {
    rig = await cronRig()
  })
  afterEach(async () => {
    for (const driver of drivers.splice(0)) await driver.stop()
    await rig[Symbol.asyncDispose]()
  })

  const until = async (what: string, is: () => boolean | Promise<boolean>): Promise<void> => {
    for (let tries = 0; !(await is()); tries += 1) {
      if (tries > 2000) throw new Error(`never: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const summary = (runs: readonly CronRun[]) =>
    runs.map(({ status, due }) => `${due?.slice(11, 16) ?? '-'} ${status}`).sort()

  /** A worker that can be killed: with its connection gone, nothing that it does reaches anybody. */
  const worker = async (at: { boot?: string; clock?: WallClock; killedAt?: KillPoint } = {}) => {
    const clock = at.clock ?? new WallClock('2026-01-01T00:00:30Z')
    const store: Store = await openStore(rig.config)
    let reached: () => void = () => undefined
    const atPoint = new Promise<void>((resolve) => (reached = resolve))
    const never = new Promise<never>(() => undefined)
    const make = (app: App, release: number, spec: DetachedSpec): StandInRun => {
      const run = new StandInRun(app.id, release, spec)
      rig.begun.push(run)
      return run
    }
    const scheduler: Pick<Scheduler, 'detach' | 'detached'> = {
      detach: async (app, release, spec) => {
        if (at.killedAt === 'before the container is made') {
          reached()
          return never
        }
        const run = make(app, release.version, spec)
        if (at.killedAt === 'when it is made') {
          reached()
          return never
        }
        queueMicrotask(reached)
        return Promise.resolve(run)
      },
      detached: () => Promise.resolve(rig.begun.filter(({ removed }) => !removed)),
    }
    const given = { config: rig.config, store, scheduler, log, clock }
    const driver = await startCron({ ...given, ...(at.boot === undefined ? {} : { boot: at.boot }) })
    return {
      clock,
      atPoint,
      kill: async (): Promise<void> => {
        store.redis.disconnect()
        await store.notifications.close()
        // lets go of its files; one that begins a run for ever never resolves
        void driver.stop()
      },
      /** Has it end at the end of the test. */
      keep: () => drivers.push({ stop: () => driver.stop().then(() => store[Symbol.asyncDispose]()) }),
    }
  }

  for (const [killedAt, containers, after] of [
    ['before the container is made', 1, ['00:01 lost', '00:02 succeeded']],
    ['when it is made', 2, ['00:01 succeeded', '00:02 succeeded']],
    ['while it is followed', 2, ['00:01 succeeded', '00:02 succeeded']],
  ] as const)
    it(`a worker ${killedAt}, runs nothing twice, and goes on with the next minute`, async () => {
      const app = await rig.withLines('blog', every)
      const first = await worker({ killedAt })
      first.clock.pass(30_000)
      await first.atPoint
      await first.kill()
      const clock = new WallClock('2026-01-01T00:01:20Z')
      const second = await worker({ clock })
      second.keep()
      rig.begun.at(-1)?.end(0)
      const isOver = ([run]: readonly CronRun[]): boolean => (run?.finishedAt ?? null) !== null
      await until('the first is over', async () => isOver(await rig.store.cron.runs(app.id)))
      clock.pass(minute)
      await until('the next has begun', () => rig.begun.length === containers)
      rig.begun.at(-1)?.end(0)
      await until('it is over', async () =>
        (await rig.store.cron.runs(app.id)).every(({ finishedAt }) => finishedAt !== null),
      )
      expect(summary(await rig.store.cron.runs(app.id))).to.deep.equal(after)
      expect(new Set(rig.begun.map(({ run }) => run)).size).to.equal(rig.begun.length)
    })

  it('Redis, loses no run, and begins none twice, whenever that is', async () => {
    const app = await rig.withLines('blog', every)
    await rig.start()
    rig.clock.pass(30_000)
    const rounds = 12
    for (let round = 1; round <= rounds; round += 1) {
      // at another point of beginning a run each time, and of ending the one before
      const killed = new Promise((resolve) => setTimeout(resolve, round % 4)).then(() => rig.redis.kill())
      if (round > 1) rig.begun.at(-1)?.end(0)
      if (round > 1) rig.clock.pass(minute)
      await killed
      await rig.redis.start()
      await until(`${String(round)} have begun`, async () => {
        // one that began before the last was known to be over is skipped, and told so
        const all = await rig.store.cron.runs(app.id)
        return (
          all.length === round &&
          all.every(({ id, status }) => status === 'skipped' || rig.begun.some(({ run }) => run === id))
        )
      })
      await until('one goes on', async () =>
        (await rig.store.cron.runs(app.id)).every(
          ({ id, status }) => status !== 'running' || rig.begun.at(-1)?.run === id,
        ),
      )
    }
    rig.begun.at(-1)?.end(0)
    await until('all are over', async () =>
      (await rig.store.cron.runs(app.id)).every(({ finishedAt }) => finishedAt !== null),
    )
    const runs = await rig.store.cron.runs(app.id)
    expect(new Set(runs.map(({ due }) => due)).size).to.equal(rounds)
    expect(runs.filter(({ status }) => status !== 'succeeded' && status !== 'skipped')).to.deep.equal([])
    expect(rig.begun.map(({ run }) => run).sort()).to.deep.equal(
      runs
        .filter(({ status }) => status === 'succeeded')
        .map(({ id }) => id)
        .sort(),
    )
  })

  for (const [end, gone] of [
    [null, true],
    [255, false],
    [143, false],
  ] as const)
    it(`the machine, writes down what went on as interrupted: ${gone ? 'with no trace of it' : `its container ended with ${String(end)}`}`, async () => {
      const app = await rig.withLines('blog', every, { schedule: '40 0 * * *', command: 'late' })
      const first = await worker({ boot: 'one' })
      first.clock.pass(30_000)
      await first.atPoint
      await until('it runs', async () => (await rig.store.cron.runs(app.id)).some(({ release }) => release !== null))
      await first.kill()
      await rig.redis.kill()
      if (end !== null) rig.begun[0]?.end(end)
      else await rig.begun[0]?.remove()
      await rig.redis.start()
      const clock = new WallClock('2026-01-01T00:50:20Z')
      const second = await worker({ boot: 'two', clock })
      second.keep()
      clock.pass(1)
      await until('what came up last is made good', () => rig.begun.length === 3)
      rig.begun.slice(1).forEach((run) => run.end(0))
      await until('all are over', async () =>
        (await rig.store.cron.runs(app.id)).every(({ finishedAt }) => finishedAt !== null),
      )
      const runs = await rig.store.cron.runs(app.id)
      expect(summary(runs)).to.deep.equal(['00:01 interrupted', '00:02 missed', '00:40 succeeded', '00:50 succeeded'])
      expect(runs.find(({ status }) => status === 'interrupted')).to.include({
        failure: 'the machine went down while it ran',
        exit: null,
      })
    })
})
