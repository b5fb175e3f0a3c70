import { expect } from 'chai'
import { Fleet } from '../../src/scheduler/fleet.js'
import { replaceOf, RollOut } from '../../src/scheduler/rollout.js'
import { firstRelease } from '../../src/store/releases.js'
import { World } from './world.js'

describe('a roll-out', () => {
  let world: World
  beforeEach(async () => {
    world = new World()
    await world.pass(5_000)
  })

  /** `web.1 v2`, of those that run. */
  const running = () =>
    [...world.boxes.values()]
      .filter(({ state }) => state === 'running')
      .map(({ process, release }) => `${process} v${String(release)}`)
      .sort()
  const routed = () => (world.route.get('a') ?? []).map((id) => world.boxes.get(id)?.release)
  const all = (version: number) => ['web.1', 'web.2', 'worker.1'].map((name) => `${name} v${String(version)}`)

  it('keeps the route where it is until the new processes are ready, and runs no worker twice', async () => {
    let [workers, most] = [0, 0]
    const count = () => {
      workers = running().filter((name) => name.startsWith('worker')).length
      most = Math.max(most, workers)
      return Promise.resolve()
    }
    world.deploy({ image: 'two' })
    await world.pass(1)
    expect(running()).to.include.members(['web.1 v1', 'web.1 v2', 'worker.1 v1'])
    expect(routed()).to.deep.equal([1, 1])
    for (let step = 0; step < 40; step += 1) await world.pass(50).then(count)
    await world.pass(5_000)
    expect([running(), routed(), world.app.current, most]).to.deep.equal([all(2), [2, 2], 2, 1])
  })

  it('that fails leaves all as it was', async () => {
    world.fails = true
    world.deploy({ image: 'two' })
    await world.pass(5_000)
    expect([world.releases.get(2)?.status, routed(), world.app.current]).to.deep.equal(['failed', [1, 1], 1])
    world.fails = false
    await world.pass(60_000)
    expect(running()).to.deep.equal(all(1))
  })

  it('that another worker has begun is ended by the next, with what that has started', async () => {
    world.deploy({ image: 'two' })
    await world.pass(100)
    const begun = [...world.boxes.values()].filter(({ release }) => release === 2).map(({ id }) => id)
    world.work()
    await world.pass(10_000)
    expect([running(), world.app.current]).to.deep.equal([all(2), 2])
    for (const id of begun) expect([...world.boxes.keys()]).to.include(id)
  })

  it('of processes that must not run at once stops the old before it starts the new', async () => {
    world.app = { ...world.app, checks: { modes: { web: 'disable' } } }
    world.deploy({ image: 'two' })
    let most = 0
    for (let step = 0; step < 40; step += 1) {
      await world.pass(50)
      most = Math.max(most, running().filter((name) => name.startsWith('web.1')).length)
    }
    await world.pass(5_000)
    expect([running(), routed(), most]).to.deep.equal([all(2), [2, 2], 1])
  })

  it('of process types that wait for each other keeps their order, and runs none of them twice', async () => {
    const types = { web: 'web', worker: 'worker', store: 'store' }
    const formation = { ...world.formation(2, 1), store: { quantity: 1, memory: 1, cpus: 1 } }
    const command = ['x']
    const settings = { web: { command, after: ['worker'] }, worker: { command, after: ['store'] } }
    world.deploy({ image: 'two', processTypes: types, formation, settings })
    const seen: string[] = []
    let most = 0
    for (let step = 0; step < 100; step += 1) {
      await world.pass(50)
      for (const name of running()) if (name.endsWith('v2') && !seen.includes(name)) seen.push(name)
      most = Math.max(most, running().filter((name) => name.startsWith('worker')).length)
    }
    await world.pass(5_000)
    expect([seen.map((name) => name.split('.')[0]), most]).to.deep.equal([['store', 'worker', 'web', 'web'], 1])
    expect(routed()).to.deep.equal([2, 2])
    expect(running()).to.deep.equal(['store.1 v2', ...all(2)])
  })

  it('of such that fails in the last has what it replaced before run again, once', async () => {
    world.deploy({ image: 'two', settings: { web: { command: ['x'], after: ['worker'] } } })
    let most = 0
    for (let step = 0; step < 40 && !running().includes('web.1 v2'); step += 1) await world.pass(50)
    expect(running()).to.include.members(['web.1 v1', 'web.1 v2', 'worker.1 v2'])
    world.fails = true
    for (let step = 0; step < 100; step += 1) {
      await world.pass(100)
      most = Math.max(most, running().filter((name) => name.startsWith('worker')).length)
    }
    world.fails = false
    await world.pass(60_000)
    expect([world.releases.get(2)?.status, routed(), most]).to.deep.equal(['failed', [1, 1], 1])
    expect(running()).to.deep.equal(all(1))
  })

  it('of such that fails has the old ones run again', async () => {
    world.app = { ...world.app, checks: { modes: { '*': 'disable' } } }
    world.fails = true
    world.deploy({ image: 'two' })
    await world.pass(5_000)
    expect(world.releases.get(2)?.status).to.equal('failed')
    world.fails = false
    await world.pass(60_000)
    expect([running(), routed()]).to.deep.equal([all(1), [1, 1]])
  })

  it('of one process replaces it by one that serves first, and touches no other', async () => {
    const before = new Map([...world.boxes.values()].map(({ process, id }) => [process, id]))
    const release = world.releases.get(1) ?? firstRelease('a')
    const about = { app: world.app, release, log: () => undefined, signal: new AbortController().signal }
    const only = { process: 'web.2', restarts: 3, failure: 'in place of one that failed' }
    const fleet = new Fleet(world.deps)
    const shouldReplace = ({ id }: { id: string }) => id === before.get('web.2')
    const done = new RollOut(world.deps, fleet, world.reconciler, { ...about, only, shouldReplace }).run()
    await world.pass(100)
    expect(routed()).to.deep.equal([1, 1])
    expect(running().filter((name) => name.startsWith('web.2'))).to.have.length(2)
    await world.pass(5_000)
    await done
    const now = new Map([...world.boxes.values()].map(({ process, id }) => [process, id]))
    expect(now.get('web.1')).to.equal(before.get('web.1'))
    expect(now.get('worker.1')).to.equal(before.get('worker.1'))
    expect(now.get('web.2')).to.not.equal(before.get('web.2'))
    const record = (await world.deps.records.list('a')).find(({ container }) => container === now.get('web.2'))
    expect(record).to.include({ state: 'up', restarts: 3, failure: 'in place of one that failed' })
    expect(running()).to.deep.equal(all(1))
  })

  it('of fewer processes takes away what is too many, and starts nothing anew', async () => {
    const before = [...world.boxes.keys()]
    world.deploy({ formation: world.formation(1, 0) })
    await world.pass(10_000)
    expect(running()).to.deep.equal(['web.1 v1'])
    expect(before).to.include.members([...world.boxes.keys()])
  })

  it('that is a restart has other containers of the same release', async () => {
    const before = [...world.boxes.keys()]
    world.deploy({ description: 'restart' })
    await world.pass(10_000)
    expect(running().map((name) => name.split(' ')[0])).to.deep.equal(['web.1', 'web.2', 'worker.1'])
    for (const id of before) expect([...world.boxes.keys()]).to.not.include(id)
  })
})

describe('what a restart is about', () => {
  const release = { ...firstRelease('a'), image: 'i', processTypes: { web: 'x', worker: 'y' } }
  const formation = { worker: { quantity: 2, memory: 1, cpus: 1 } }
  const hits = (name: string | null) =>
    ['web.1', 'worker.1', 'worker.2'].filter((process) =>
      replaceOf({ ...release, formation }, name)({ process, type: process.split('.')[0] ?? '' } as never),
    )

  it('is all, a type, or one', () => {
    expect([hits(null), hits('worker'), hits('worker.2')]).to.deep.equal([
      ['web.1', 'worker.1', 'worker.2'],
      ['worker.1', 'worker.2'],
      ['worker.2'],
    ])
  })

  for (const name of ['', 'web.2', 'work', 'worker.', 'constructor', 'x'.repeat(1000)])
    it(`is not ${JSON.stringify(name.slice(0, 20))}`, () => {
      expect(() => hits(name))
        .to.throw(/^no process ".{0,80}"$/)
        .with.property('fault', 'missing')
    })
})
