import { expect } from 'chai'
import fc from 'fast-check'
import { observed, type ProcessState, type Seen } from '../../src/scheduler/lifecycle.js'
import { slotsOf } from '../../src/scheduler/desired.js'
import type { DeclaredChecks } from '../../src/store/checks.js'
import type { Box } from './simulated-engine.js'
import { rest, World } from './world.js'

const states: readonly ProcessState[] = ['starting', 'up', 'draining', 'stopping', 'crashed']

/** What may happen to a container, by itself or by somebody's hand. */
const deeds: Readonly<Record<string, (world: World, box: Box) => void>> = {
  restart: (world, box) => {
    world.end(box)
    world.start(box)
  },
  start: (world, box) => world.start(box),
  end: (world, box) => world.end(box),
  pause: (world, box) => {
    if (box.state === 'running') box.state = 'paused'
    world.tell('pause', box)
  },
  remove: (world, box) => {
    world.end(box)
    world.boxes.delete(box.id)
    world.tell('destroy', box)
  },
  'removal that hangs': (world, box) => {
    world.end(box)
    box.state = 'removing'
  },
  disconnect: (world, box) => {
    box.connected = false
    world.tell('disconnect', box)
  },
  'record lost': (world, box) => void world.hashes.hash('processes:a').delete(box.id),
}

/** What may happen to the rest. */
const turns: Readonly<Record<string, (world: World) => void | Promise<void>>> = {
  'a push': (world) =>
    world.deploy({ image: String(world.clock.now()) + String(world.releases.size), description: '' }),
  'scale up': (world) => world.deploy({ formation: world.formation(3, 2), description: '' }),
  'scale down': (world) => world.deploy({ formation: world.formation(1, 0), description: '' }),
  'a restart': (world) => world.deploy({ description: 'restart' }),
  'the worker is killed': (world) => world.work(),
  'the engine goes away': (world) => void (world.away = true),
  'the engine is back': (world) => {
    world.away = false
    const [box] = world.boxes.values()
    if (box) world.tell('connected', box)
  },
  'events are lost': (world) => void (world.deaf = true),
  'processes fail': (world) => void (world.fails = true),
  'processes work': (world) => void (world.fails = false),
  'a moment': () => rest(),
  'a second': (world) => world.pass(1_000),
  'a minute': (world) => world.pass(60_000),
}

const deed = fc.record({ deed: fc.constantFrom(...Object.keys(deeds)), at: fc.nat(9) })
const turn = fc.record({ turn: fc.constantFrom(...Object.keys(turns)) })
/** What the record says of a container before anything happens, which may be anything. */
const written = fc.record({ record: fc.constantFrom(...states), at: fc.nat(9) })
const story = fc.array(
  fc.oneof({ weight: 4, arbitrary: deed }, { weight: 4, arbitrary: turn }, { weight: 1, arbitrary: written }),
  {
    maxLength: 25,
  },
)
type Event = Readonly<Partial<Record<'deed' | 'turn' | 'record', string>> & { at?: number }>

async function play(world: World, event: Event): Promise<void> {
  if (event.turn !== undefined) await turns[event.turn]?.(world)
  const boxes = [...world.boxes.values()]
  const box = boxes[(event.at ?? 0) % Math.max(boxes.length, 1)]
  if (event.deed !== undefined && box) deeds[event.deed]?.(world, box)
  if (event.record !== undefined && box) {
    const hash = world.hashes.hash('processes:a')
    const json = hash.get(box.id)
    if (json !== undefined) hash.set(box.id, JSON.stringify({ ...(JSON.parse(json) as object), state: event.record }))
  }
}

/** What is not as it should be; empty when all is. */
function wrongs(world: World): string[] {
  const release = world.releases.get(world.app.current)
  const slots = slotsOf(release ?? null)
  const boxes = [...world.boxes.values()]
  const running = boxes.filter((box) => box.state === 'running')
  const wrong: string[] = []
  if (world.pending !== null) wrong.push('a roll-out is under way')
  for (const slot of slots) {
    const own = running.filter((box) => box.process === slot.process && box.spec === slot.spec)
    if (own.length !== 1) wrong.push(`${own.length} of ${slot.process}`)
  }
  if (running.length !== slots.length) wrong.push(`${running.length} run for ${slots.length}`)
  if (boxes.some((box) => box.state === 'paused')) wrong.push('one is paused')
  if (running.some((box) => !box.connected)) wrong.push('one is off its network')
  const web = running.filter((box) => box.type === 'web').map((box) => box.id)
  if ([...(world.route.get('a') ?? [])].sort().join() !== web.sort().join()) wrong.push('the route leads elsewhere')
  const records = [...world.hashes.hash('processes:a').values()].map(
    (json) => JSON.parse(json) as { container: string; state: string },
  )
  for (const box of running)
    if (records.find((one) => one.container === box.id)?.state !== 'up')
      wrong.push(`${box.process} is not up on record`)
  return wrong
}

describe('a process that is not ready', () => {
  const readiness: DeclaredChecks = { web: [{ phase: 'readiness', path: '/ready', file: 'app.json' }] }

  it('gets no requests until it is, is not replaced, and stays so for the next worker', async () => {
    const world = new World()
    const first = world.releases.get(1)
    if (first) world.releases.set(1, { ...first, healthchecks: readiness })
    await world.pass(2_000)
    // what has just started has not been asked yet
    expect(world.route.get('a')).to.deep.equal([])
    expect(world.whyAway).to.equal('not-ready')
    const { records } = world.deps
    const web = [...world.boxes.values()].filter(({ type }) => type === 'web').map(({ id }) => id)
    for (const id of web) await records.setUnready('a', id, null)
    await world.reconciler.wake('a')
    expect(world.route.get('a')).to.have.members(web)
    await records.setUnready('a', web[0] ?? '', 'failed its readiness check')
    world.work()
    await world.pass(2_000)
    expect(world.route.get('a')).to.deep.equal(web.slice(1))
    expect([...world.boxes.values()].filter(({ type }) => type === 'web').map(({ id }) => id)).to.deep.equal(web)
    // nobody asks any more: then all are asked for pages
    if (first) world.releases.set(1, first)
    await world.reconciler.wake('a')
    expect(world.route.get('a')).to.have.members(web)
  })
})

describe('a process that crashes', () => {
  it('is told of in the log of its app, with when it starts again, and when it is up', async () => {
    const world = new World()
    await world.pass(2_000)
    const web = [...world.boxes.values()].find(({ process }) => process === 'web.1')
    expect(world.told).to.deep.equal([])
    if (web) world.end(web)
    await world.pass(5_000)
    expect(world.told).to.deep.equal(['web.1 crashed: exited with code 1; it starts again in 1 s', 'web.1 is up again'])
  })
})

describe('desired and actual', () => {
  for (const from of [...states, null])
    for (const seen of ['runs', 'runs anew', 'ended'] satisfies Seen[])
      it(`have a state for what is ${from ?? 'unknown'} and ${seen}`, () => {
        expect(states).to.include(observed(from, seen))
        // who runs and is not told to stop may come up, who ended is not taken for one that runs
        if (seen === 'ended') expect(['crashed', 'stopping']).to.include(observed(from, seen))
        else expect(observed(from, seen)).to.not.equal('crashed')
      })

  const boxStates: readonly Box['state'][] = ['created', 'running', 'paused', 'exited', 'removing']
  for (const state of boxStates)
    for (const record of [...states, null])
      for (const killed of [false, true])
        it(`come to agree where what is ${record ?? 'unknown'} is ${state}${killed ? ' and the worker is killed' : ''}`, async () => {
          const world = new World()
          await world.pass(5_000)
          const [box] = world.boxes.values()
          if (!box) throw new Error('nothing runs')
          box.state = state
          if (state === 'created') box.startedAt = 0
          await play(world, record === null ? { deed: 'record lost', at: 0 } : { record, at: 0 })
          if (killed) world.work()
          await world.pass(3 * 60_000)
          expect(wrongs(world)).to.deep.equal([])
          world.passes = 0
          await world.pass(5 * 60_000)
          expect(world.passes).to.be.at.most(15)
        })

  it('come to agree, whatever happened before, without a loop', async function () {
    this.timeout(120_000)
    await fc.assert(
      fc.asyncProperty(story, async (events) => {
        const world = new World()
        await world.pass(5_000)
        expect(wrongs(world)).to.deep.equal([])
        expect(world.boxes.size).to.equal(3)
        for (const event of events) await play(world, event)
        Object.assign(world, { away: false, deaf: false, fails: false })
        // longer than the longest pause between two tries, and a roll-out before
        await world.pass(12 * 60_000)
        expect(wrongs(world)).to.deep.equal([])
        // nothing to do: a look every 30 s and no more
        world.passes = 0
        await world.pass(10 * 60_000)
        expect(world.passes).to.be.at.most(25)
        expect(wrongs(world)).to.deep.equal([])
      }),
      { numRuns: Number(process.env.RUNS ?? 80) },
    )
  })

  it('do not chase each other where every process fails', async function () {
    this.timeout(60_000)
    await fc.assert(
      fc.asyncProperty(story, async (events) => {
        const world = new World()
        for (const event of events) await play(world, event)
        Object.assign(world, { away: false, deaf: false, fails: true })
        await world.pass(60_000)
        world.passes = 0
        await world.pass(10 * 60_000)
        // three processes that double their pause each time, and the looks
        expect(world.passes).to.be.at.most(150)
      }),
      { numRuns: 20 },
    )
  })
})
