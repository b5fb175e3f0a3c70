import { expect } from 'chai'
import { Fleet } from '../../src/scheduler/fleet.js'
import { RollOut } from '../../src/scheduler/rollout.js'
import { canarySlots, isCanary } from '../../src/scheduler/wanted.js'
import type { Canary } from '../../src/store/canaries.js'
import { firstRelease, type Release } from '../../src/store/releases.js'
import { World } from './world.js'

const canary: Canary = { release: 2, since: 'a', percent: 10 }

describe('the processes of a canary', () => {
  const size = { memory: 1, cpus: 1 }
  const release = (patch: Partial<Release> = {}): Release => ({
    ...firstRelease('a'),
    ...{ image: 'one', processTypes: { web: 'web', worker: 'worker' } },
    formation: { web: { quantity: 4, ...size }, worker: { quantity: 1, ...size } },
    ...patch,
  })
  const names = (given: Canary, stable: Release | null, its: Release | null = release({ version: 2 })) =>
    canarySlots(given, stable, its).map(({ process }) => process)

  it('are as many as its share of the app’s own needs, one at least, or as somebody has said', () => {
    expect(names(canary, release())).to.deep.equal(['web.c1'])
    expect(names({ ...canary, percent: 50 }, release())).to.deep.equal(['web.c1', 'web.c2'])
    expect(names({ ...canary, percent: 51 }, release())).to.have.length(3)
    expect(names({ ...canary, percent: 0 }, release())).to.have.length(1)
    expect(names({ ...canary, processes: 3 }, release())).to.have.length(3)
  })

  it('are none where the app has no web processes, or the canary no image or web process', () => {
    for (const stable of [null, release({ image: null }), release({ processTypes: { worker: 'w' } })])
      expect(names(canary, stable)).to.deep.equal([])
    expect(names({ ...canary, processes: 3 }, release({ formation: { web: { quantity: 0, ...size } } }))).to.deep.equal(
      [],
    )
    for (const its of [null, release({ image: null }), release({ processTypes: {} })])
      expect(names(canary, release(), its)).to.deep.equal([])
  })

  it('are told from others by their names', () => {
    for (const [process, is] of [
      ['web.c1', true],
      ['web.c12', true],
      ['web.1', false],
      ['worker.c1', false],
      ['web.c', false],
    ] as const)
      expect(isCanary({ process }), process).to.equal(is)
  })
})

describe('an app with a canary', () => {
  let world: World
  beforeEach(async () => {
    world = new World()
    await world.pass(5_000)
    const one = world.releases.get(1)
    if (one) world.releases.set(2, { ...one, version: 2, image: 'two' })
  })

  const running = () =>
    [...world.boxes.values()]
      .filter(({ state }) => state === 'running')
      .map(({ process, release }) => `${process} v${String(release)}`)
      .sort()
  const routed = () => (world.route.get('a') ?? []).map((id) => world.boxes.get(id)?.process)
  const own = (version = 1) => ['web.1', 'web.2', 'worker.1'].map((name) => `${name} v${String(version)}`)
  const its = ['web.1 v1', 'web.2 v1', 'web.c1 v2', 'worker.1 v1']

  function begin(given: Canary = canary, shouldReplace = false): Promise<void> {
    const release = world.releases.get(given.release) ?? firstRelease('a')
    const before = world.app
    const change = {
      slots: canarySlots(given, world.releases.get(1) ?? null, release),
      begin: () => Promise.resolve((world.app = { ...world.app, canary: given })),
      end: () => Promise.resolve((world.app = before)),
    }
    const request = {
      app: world.app,
      release,
      canary: change,
      log: () => undefined,
      signal: new AbortController().signal,
    }
    return new RollOut(world.deps, new Fleet(world.deps), world.reconciler, {
      ...request,
      shouldReplace: () => shouldReplace,
    }).run()
  }

  it('leads to it when it is ready, and has it no more when that is over; its own processes are left alone', async () => {
    const before = new Map([...world.boxes.values()].map(({ process, id }) => [process, id]))
    const begun = begin()
    await world.pass(100)
    expect([running(), routed(), world.app.canary]).to.deep.equal([its, ['web.1', 'web.2'], undefined])
    await world.pass(2_000)
    await begun
    expect([routed(), await world.deps.records.rolled('a')]).to.deep.equal([['web.1', 'web.2', 'web.c1'], 0])
    await begin({ ...canary, percent: 50 })
    expect(running()).to.deep.equal(its)
    world.app = { ...world.app, canary: undefined }
    await world.pass(60_000)
    expect([running(), routed()]).to.deep.equal([own(), ['web.1', 'web.2']])
    for (const { process, id } of world.boxes.values()) expect(before.get(process)).to.equal(id)
  })

  it('is as it was when the canary does not come up', async () => {
    world.fails = true
    const begun = begin().then(
      () => 'begun',
      () => 'failed',
    )
    await world.pass(5_000)
    expect([await begun, running(), routed(), world.app.canary]).to.deep.equal([
      'failed',
      own(),
      ['web.1', 'web.2'],
      undefined,
    ])
  })

  it('goes on without it while it crashes, and has it again when it works', async () => {
    const begun = begin()
    await world.pass(5_000)
    await begun
    const box = [...world.boxes.values()].find(isCanary)
    world.fails = true
    if (box) world.end(box)
    await world.pass(100)
    expect(routed()).to.deep.equal(['web.1', 'web.2'])
    expect(world.told).to.include.members(['web.c1 crashed: exited with code 1; it starts again in 1 s'])
    world.fails = false
    await world.pass(120_000)
    expect([running(), routed()]).to.deep.equal([its, ['web.1', 'web.2', 'web.c1']])
  })

  it('moves to another release, and back, without a moment of neither, the canary staying what it is', async () => {
    const begun = begin()
    await world.pass(5_000)
    await begun
    const box = [...world.boxes.values()].find(isCanary)
    world.deploy({ formation: world.formation(3, 1) })
    await world.pass(60_000)
    expect(routed()).to.deep.equal(['web.1', 'web.2', 'web.3', 'web.c1'])
    world.deploy({ image: 'three' })
    for (let step = 0; step < 40; step += 1) {
      await world.pass(50)
      expect(routed().filter((name) => name !== 'web.c1').length).to.be.at.least(3)
    }
    await world.pass(60_000)
    expect(running()).to.deep.equal(['web.1 v4', 'web.2 v4', 'web.3 v4', 'web.c1 v2', 'worker.1 v4'])
    expect([...world.boxes.values()].find(isCanary)?.id).to.equal(box?.id)
    world.deploy({ formation: world.formation(0, 1) })
    await world.pass(60_000)
    expect([running(), routed()]).to.deep.equal([['worker.1 v4'], []])
  })

  it('has another in its place when that is ready', async () => {
    const one = world.releases.get(1)
    if (one) world.releases.set(3, { ...one, version: 3, image: 'three' })
    const first = begin()
    await world.pass(5_000)
    await first
    const second = begin({ release: 3, since: 'b', percent: 20 })
    await world.pass(100)
    expect(routed()).to.deep.equal(['web.1', 'web.2', 'web.c1'])
    await world.pass(60_000)
    await second
    expect(running()).to.deep.equal(['web.1 v1', 'web.2 v1', 'web.c1 v3', 'worker.1 v1'])
  })

  it('keeps what a worker that was killed has started for it, while the change waits to be resumed', async () => {
    void begin().catch(() => undefined)
    await world.pass(100)
    const box = [...world.boxes.values()].find(isCanary)
    world.resumes = { kind: 'canary', version: 2 }
    world.work()
    await world.pass(5_000)
    expect(running()).to.deep.equal(its)
    const again = begin()
    await world.pass(5_000)
    await again
    world.resumes = null
    await world.pass(60_000)
    expect(routed()).to.deep.equal(['web.1', 'web.2', 'web.c1'])
    expect([...world.boxes.values()].find(isCanary)?.id).to.equal(box?.id)
  })

  it('is one state or the other whenever the worker is killed', async () => {
    for (let at = 0; at < 20; at += 1) {
      world.app = { ...world.app, canary: undefined }
      await world.pass(60_000)
      void begin().catch(() => undefined)
      await world.pass(at * 40)
      world.work()
      await world.pass(120_000)
      expect(running()).to.deep.equal(world.app.canary ? its : own())
      expect(routed()).to.deep.equal(world.app.canary ? ['web.1', 'web.2', 'web.c1'] : ['web.1', 'web.2'])
    }
  })
})
