import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { entryId } from '../../src/cron/entry.js'
import { outputFile } from '../../src/cron/output.js'
import type { App } from '../../src/store/apps.js'
import type { CronLine, CronRun } from '../../src/store/cron.js'
import { cronRig, StandInRun, type CronRig } from './rig.js'

const minute = 60_000
const every: CronLine = { schedule: '* * * * *', command: 'node task.js' }

describe('cron', () => {
  let rig: CronRig
  beforeEach(async () => {
    rig = await cronRig()
  })
  afterEach(() => rig[Symbol.asyncDispose]())

  const over = (count: number) => (runs: readonly CronRun[]) =>
    runs.filter(({ finishedAt }) => finishedAt !== null).length === count
  /** Ends what was begun last, once it is there. */
  const endLast = async (app: App, code = 0): Promise<CronRun[]> => {
    const before = (await rig.until(app, 'running', (runs) => runs.some(({ status }) => status === 'running'))).filter(
      ({ finishedAt }) => finishedAt !== null,
    ).length
    await begun(rig.begun.length === 0 ? 1 : rig.begun.length)
    rig.begun.at(-1)?.end(code)
    return rig.until(app, 'over', over(before + 1))
  }
  const begun = async (count: number): Promise<void> => {
    for (let tries = 0; rig.begun.length < count; tries += 1) {
      if (tries > 2000) throw new Error(`${String(rig.begun.length)} of ${String(count)} begun`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  /** Resolves when a container was taken away, which it is after its end is on record. */
  const gone = async (run: StandInRun | undefined): Promise<void> => {
    for (let tries = 0; run?.removed !== true; tries += 1) {
      if (tries > 2000) throw new Error('it is still there')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const dues = (runs: readonly CronRun[]) => runs.map(({ status, due }) => `${status} ${due?.slice(11, 16) ?? '-'}`)

  it('runs an entry at its minute, in the current release, and writes down how it ended', async () => {
    const app = await rig.withLines('blog', { ...every, type: 'worker' })
    await rig.start()
    rig.clock.pass(29_000)
    expect(rig.begun).to.be.empty
    rig.clock.pass(1_000)
    await begun(1)
    const [run] = rig.begun
    const id = entryId(app.id, { ...every, type: 'worker' })
    expect(run?.spec).to.include({ process: `cron.${id}`, type: 'worker' })
    expect(run?.spec.command).to.deep.equal(['node task.js'])
    expect(run?.release).to.equal(2)
    run?.lines.push(['2026-01-01T00:01:00.5Z', 'hello'])
    const [ended] = await endLast(app, 3)
    expect(ended).to.include({ status: 'failed', exit: 3, due: '2026-01-01T00:01:00.000Z', release: 2, entry: id })
    expect(ended?.failure).to.equal('exited with code 3')
    expect(await readFile(outputFile(rig.config, app.id, ended?.id ?? ''), 'utf8')).to.equal(
      '2026-01-01T00:01:00.5Z hello\n',
    )
    await gone(run)
  })

  it('runs the entries of an app that is scaled to 0', async () => {
    const app = await rig.withLines('idle', every)
    const none = { quantity: 0, memory: 2 ** 29, cpus: 1 }
    await rig.store.releases.update(app.id, 2, { formation: { web: none } })
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    const [ended] = await endLast(app, 0)
    expect(ended).to.include({ status: 'succeeded', release: 2 })
  })

  it('clears away what is over when no other is being started', async () => {
    const app = await rig.withLines('busy', every, { ...every, command: 'slow' })
    const slow = Promise.withResolvers<undefined>()
    rig.held.set('slow', slow.promise)
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    const [first] = rig.begun
    first?.end(0)
    await rig.until(app, 'over', over(1))
    expect([first?.removed, rig.begun.length]).to.deep.equal([false, 1])
    slow.resolve(undefined)
    await begun(2)
    await gone(first)
    rig.begun[1]?.end(0)
    await gone(rig.begun[1])
  })

  it('sets one timer for all entries of all apps, and none where there are none', async () => {
    await (await rig.start()).stop()
    expect(rig.clock.ahead).to.equal(null)
    for (const name of ['a', 'b', 'c'])
      await rig.withLines(name, { schedule: '10 * * * *', command: 'x' }, { schedule: '0 1 * * *', command: 'y' })
    const driver = await rig.start()
    // the clock is looked at once a minute at least
    expect(rig.clock.ahead).to.equal(minute)
    await driver.stop()
    expect(rig.clock.ahead).to.equal(null)
  })

  it('hears of entries that a release brings, that are added, paused and resumed', async () => {
    const app = await rig.withLines('blog')
    await rig.start()
    const line = { ...every, createdAt: '' }
    await rig.store.cron.add(app, 'aaaaaaaa', line)
    const planned = async (is: boolean) => {
      for (let tries = 0; (rig.clock.ahead !== null) !== is; tries += 1) {
        if (tries > 2000) throw new Error(`planned: ${String(!is)}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    await planned(true)
    await rig.store.cron.remove(app.id, 'aaaaaaaa')
    await planned(false)
    await rig.store.releases.put({ ...(await rig.store.releases.get(app.id, 2)), version: 3, cron: [every] })
    await rig.store.apps.update(app.id, { current: 3 })
    await planned(true)
    await rig.store.cron.pause(app.id, entryId(app.id, every))
    await planned(false)
    await rig.store.cron.resume(app.id, entryId(app.id, every))
    await planned(true)
    rig.clock.pass(minute)
    await begun(1)
    expect(rig.begun[0]?.release).to.equal(3)
  })

  it('skips a minute while the run before it goes on, unless asked otherwise', async () => {
    const app = await rig.withLines('blog', every)
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    rig.clock.pass(minute)
    const runs = await rig.until(app, 'skipped', (all) => all.some(({ status }) => status === 'skipped'))
    expect(dues(runs)).to.deep.equal(['skipped 00:02', 'running 00:01'])
    expect(runs[0]?.failure).to.match(/goes on/)
    expect(rig.begun).to.have.length(1)
  })

  it('runs two at once, or the new one in the place of the old, where that is asked', async () => {
    await rig.withLines('both', { ...every, concurrency: 'allow' })
    const app = await rig.withLines('one', { ...every, command: 'other', concurrency: 'replace' })
    await rig.start()
    rig.clock.pass(30_000)
    await begun(2)
    rig.clock.pass(minute)
    await begun(4)
    const [first, second] = rig.begun.filter(({ app: id }) => id === app.id)
    expect([first?.stopped, second?.stopped]).to.deep.equal([true, false])
    expect(rig.begun.filter(({ app: id }) => id !== app.id).every(({ stopped }) => !stopped)).to.equal(true)
    const runs = await rig.until(app, 'ended', (all) => all.some(({ status }) => status === 'ended'))
    expect(runs.find(({ status }) => status === 'ended')?.failure).to.equal('a newer run took its place')
  })

  it('ends a run that takes longer than it may', async () => {
    const app = await rig.withLines('blog', { schedule: '1 0 * * *', command: 'x', timeout: 5 * minute })
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    const [output] = await rig.until(app, 'running', (runs) => runs.length === 1)
    expect(output?.status).to.equal('running')
    await new Promise(setImmediate)
    for (let passed = 0; !rig.begun[0]?.stopped && passed < 20; passed += 1) {
      rig.clock.pass(minute)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const [ended] = await rig.until(app, 'over', over(1))
    expect(ended).to.include({ status: 'ended', failure: 'it took longer than 5 minutes' })
  })

  it('ends a run that somebody wants ended, and one that has not begun is over at once', async () => {
    const app = await rig.withLines('blog', every)
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    const [run] = await rig.until(app, 'running', ([one]) => one?.release === 2)
    expect(await rig.store.cron.stop(app.id, run?.id ?? '', 'ann ended it')).to.include({ status: 'running' })
    const [ended] = await rig.until(app, 'over', over(1))
    expect(ended).to.include({ status: 'ended', failure: 'ann ended it', exit: 143 })
    await gone(rig.begun[0])
    expect(await rig.store.cron.stop(app.id, run?.id ?? '', 'again')).to.deep.equal(ended)
    const queued: CronRun = { ...(ended as CronRun), id: 'queued', status: 'queued', due: null, startedAt: null }
    await rig.store.cron.record(app.id, queued)
    expect(await rig.store.cron.stop(app.id, 'queued', 'not wanted')).to.include({ status: 'ended' })
  })

  it('ends what somebody wanted ended while no worker was there', async () => {
    const app = await rig.withLines('blog', every)
    const first = await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    const [run] = await rig.until(app, 'running', ([one]) => one?.release === 2)
    await first.stop()
    await rig.store.cron.stop(app.id, run?.id ?? '', 'ann ended it')
    expect(rig.begun[0]).to.include({ stopped: false })
    await rig.start()
    const [ended] = await rig.until(app, 'over', over(1))
    expect(ended).to.include({ status: 'ended', failure: 'ann ended it' })
    await gone(rig.begun[0])
  })

  it('writes down one that cannot start, and tries again when its time comes again', async () => {
    const app = await rig.withLines('blog', every)
    rig.refuse = new Error('no such image')
    await rig.start()
    rig.clock.pass(30_000)
    const [failed] = await rig.until(app, 'over', over(1))
    expect(failed).to.include({ status: 'failed', failure: 'no such image', exit: null })
    rig.refuse = null
    rig.clock.pass(minute)
    await begun(1)
  })

  it('leaves what runs to the next worker, which takes it up: no minute is run for twice', async () => {
    const app = await rig.withLines('blog', every)
    const first = await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    await rig.until(app, 'running', ([run]) => run?.release === 2)
    await first.stop()
    expect(rig.begun[0]).to.include({ stopped: false, removed: false })
    await rig.start()
    const [ended] = await endLast(app)
    expect(ended).to.include({ status: 'succeeded', exit: 0 })
    expect(rig.begun).to.have.length(1)
    await gone(rig.begun[0])
  })

  it('tells a run of which there is no trace as lost, and removes a container that is no run of it', async () => {
    const app = await rig.withLines('blog', every)
    const driver = await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    await rig.until(app, 'running', ([run]) => run?.status === 'running')
    await driver.stop()
    const [first] = rig.begun
    if (first) first.removed = true
    const stray = new StandInRun(app.id, 1, { run: 'aaaaaaaa.1', process: 'cron.aaaaaaaa', command: ['x'] })
    rig.begun.push(stray)
    await rig.start()
    const [lost] = await rig.until(app, 'lost', over(1))
    expect(lost?.status).to.equal('lost')
    expect(lost?.failure).to.match(/no trace/)
    await gone(stray)
  })

  it('makes good the last run that came up while Berth was away, if it is not an hour late, and no storm of them', async () => {
    const hourly: CronLine = { schedule: '0 3 * * *', command: 'daily' }
    const app = await rig.withLines('blog', every, hourly)
    await (await rig.start()).stop()
    rig.clock.set('2026-01-01T05:00:20Z')
    await rig.start()
    rig.clock.pass(1)
    await begun(1)
    const runs = await rig.until(app, 'all there', (all) => all.length === 3)
    expect(dues(runs).sort()).to.deep.equal(['missed 00:01', 'missed 03:00', 'running 05:00'])
    expect(rig.begun[0]?.spec.command).to.deep.equal(['node task.js'])
    await (await rig.start()).stop()
    expect(await rig.store.cron.runs(app.id)).to.have.length(3)
  })

  it('runs once after a clock that was set forward, and not again for a minute after one that was set back', async () => {
    const app = await rig.withLines('blog', { ...every, concurrency: 'allow' })
    await rig.start()
    rig.clock.set('2026-01-01T02:30:10Z')
    rig.clock.pass(30_000)
    await rig.until(app, 'there', (all) => all.length >= 2)
    await begun(1)
    const after = dues(await rig.store.cron.runs(app.id)).sort()
    expect(after).to.deep.equal(['missed 00:01', 'running 02:30'])
    rig.clock.set('2026-01-01T01:00:10Z')
    for (let passed = 0; passed < 90; passed += 1) {
      rig.clock.pass(minute)
      await new Promise(setImmediate)
    }
    expect(dues(await rig.store.cron.runs(app.id)).sort()).to.deep.equal(after)
    expect(rig.begun).to.have.length(1)
  })

  it('begins anew after a clock that was set back by more than three hours', async () => {
    const app = await rig.withLines('blog', every)
    await rig.start()
    rig.clock.pass(30_000)
    await begun(1)
    await endLast(app)
    rig.clock.set('2025-06-01T00:00:10Z')
    for (let passed = 0; rig.begun.length < 2 && passed < 100; passed += 1) {
      rig.clock.pass(minute)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(rig.begun).to.have.length(2)
  })

  it('runs what somebody wants now, one that is paused too, and forgets an app that is gone', async () => {
    const app = await rig.withLines('blog', { ...every, maintenance: true })
    await rig.start()
    const entry = entryId(app.id, every)
    const wanted: CronRun = {
      ...{ id: `${entry}.x1`, entry, command: 'node task.js', due: null, by: null, status: 'queued', exit: null },
      ...{ createdAt: '2026-01-01T00:00:30Z', startedAt: null, finishedAt: null, release: null, failure: null },
    }
    await rig.store.cron.want(app.id, wanted)
    await begun(1)
    await rig.store.apps.remove(app.id)
    for (let tries = 0; !rig.begun[0]?.stopped && tries < 2000; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(rig.begun[0]?.stopped).to.equal(true)
    expect(await rig.store.cron.runs(app.id)).to.be.empty
  })
})
