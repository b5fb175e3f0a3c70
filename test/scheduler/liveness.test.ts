import { expect } from 'chai'
import type { SchedulerDeps } from '../../src/scheduler/fleet.js'
import { Liveness, type SickProcess } from '../../src/scheduler/liveness.js'
import type { CheckOutcome } from '../../src/scheduler/perform.js'
import type { ObservedContainer } from '../../src/scheduler/plan.js'
import type { CheckFields, CheckPhase } from '../../src/store/checks.js'
import { firstRelease } from '../../src/store/releases.js'
import type { ProcessRecord } from '../../src/scheduler/records.js'
import { createLog } from '../../src/log.js'
import { rest, World } from './world.js'

const second = 1_000
const none: ReadonlyMap<string, ProcessRecord> = new Map()
const good: CheckOutcome = { passed: true, said: 'status 200' }
const bad: CheckOutcome = { passed: false, said: 'did not answer within 5 s' }

/** A process `web.1` that is watched; what it answers is the test's. */
function watching(check: CheckFields = { path: '/up', wait: 10, attempts: 3 }, phase: CheckPhase = 'liveness') {
  const world = new World()
  const release = { ...firstRelease('a'), processTypes: { web: 'web' } }
  const found = { id: 'c', process: 'web.1', type: 'web', address: '10.0.0.1', running: true } as ObservedContainer
  const app = { ...world.app, checks: { [phase]: { web: check } } }
  const state = {
    answer: good as CheckOutcome | Error,
    asked: 0,
    hindrance: null as string | null,
    sick: [] as SickProcess[],
    rerouted: 0,
    unready: [] as (string | null)[],
    logged: [] as string[],
    restarts: 0,
  }
  const list = () => Promise.resolve([{ container: 'c', state: 'up', restarts: state.restarts }])
  let marked: string | null = null
  const setUnready = (_: string, __: string, unready: string | null) => {
    if (marked === unready) return Promise.resolve(null)
    marked = unready
    state.unready.push(unready)
    return Promise.resolve({})
  }
  const records = { list, setUnready } as unknown as SchedulerDeps['records']
  const liveness = new Liveness(
    { ...world.deps, records, log: createLog('test', { write: (line) => state.logged.push(line) }) },
    {
      replace: (sick) => {
        state.sick.push(sick)
        return Promise.resolve(state.hindrance)
      },
      reroute: () => Promise.resolve(void (state.rerouted += 1)),
    },
    () => {
      state.asked += 1
      return state.answer instanceof Error ? Promise.reject(state.answer) : Promise.resolve(state.answer)
    },
  )
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0;) {
      left = world.clock.step(left)
      await rest()
    }
  }
  return { world, liveness, app, release, found, state, pass }
}

describe('liveness', () => {
  it('costs nothing where nobody asks for it', async () => {
    const { world, liveness, release, found, state, pass } = watching()
    liveness.watch(world.app, () => release, [found], none)
    await pass(100 * second)
    expect(state.asked).to.equal(0)
  })

  it('has a process replaced that fails so often in a row, and not before', async () => {
    const { world, liveness, app, release, found, state, pass } = watching()
    liveness.watch(app, () => release, [found], none)
    await pass(100 * second)
    expect(state.asked).to.be.within(9, 10)
    state.answer = bad
    await pass(20 * second)
    state.answer = good
    await pass(10 * second)
    state.answer = bad
    await pass(20 * second)
    expect(state.sick).to.deep.equal([])
    await pass(10 * second)
    expect(state.sick.map(({ restarts, failure }) => [restarts, failure])).to.deep.equal([
      [
        1,
        'in place of one that failed its liveness check, GET /up on port 5000, 3 times in a row: did not answer within 5 s',
      ],
    ])
    expect(world.told).to.deep.equal([
      'web.1 failed its liveness check, GET /up on port 5000, 3 times in a row: did not answer within 5 s',
      'web.1 was replaced by a new one',
    ])
    liveness.watch(app, () => release, [], none)
    const { asked } = state
    await pass(100 * second)
    expect(state.asked).to.equal(asked)
    await liveness.ended()
  })

  it('gives one that never did well more time each time', async () => {
    const { liveness, app, release, found, state, pass } = watching()
    Object.assign(state, { answer: bad, restarts: 7 })
    liveness.watch(app, () => release, [found], none)
    await pass(63 * second)
    expect(state.sick).to.have.length(0)
    await pass(20 * second)
    expect(state.sick.map(({ restarts }) => restarts)).to.deep.equal([8])
  })

  it('tries again, ever less often, when the new one does not come up', async () => {
    const { world, liveness, app, release, found, state, pass } = watching({ path: '/up', wait: 1, attempts: 1 })
    Object.assign(state, { answer: bad, hindrance: 'web.1 did not listen' })
    liveness.watch(app, () => release, [found], none)
    await pass(600 * second)
    expect(state.sick.length).to.be.within(8, 11)
    expect(world.told.filter((line) => line.includes('failed its liveness check'))).to.have.length(1)
    expect(world.told.at(-1)).to.equal('web.1 could not be replaced now: web.1 did not listen')
  })

  it('says, once, that a check cannot be done, and takes that for no failure', async () => {
    const { liveness, app, release, found, state, pass } = watching({ path: '/up', wait: 1, attempts: 1 })
    state.answer = new Error('the engine is away')
    liveness.watch(app, () => release, [found], none)
    await pass(60 * second)
    expect(state.sick).to.deep.equal([])
    expect(state.logged.map((line) => (JSON.parse(line) as { msg: string }).msg)).to.deep.equal([
      'web.1 is not known to pass its liveness check, GET /up on port 5000: the engine is away',
    ])
    state.answer = good
    await pass(2 * second)
    state.answer = new Error('away again')
    await pass(10 * second)
    expect(state.logged).to.have.length(2)
  })

  it('only tells of one that is to warn', async () => {
    const { world, liveness, app, release, found, state, pass } = watching({ path: '/up', wait: 1, warn: true })
    state.answer = bad
    liveness.watch(app, () => release, [found], none)
    await pass(60 * second)
    expect(state.asked).to.be.greaterThan(50)
    expect(state.sick).to.deep.equal([])
    expect(world.told).to.have.length(1)
  })

  it('goes on with another check at once, and ends with the scheduler', async () => {
    const { world, liveness, app, release, found, state, pass } = watching()
    liveness.watch(app, () => release, [found], none)
    liveness.watch({ ...app, checks: { liveness: { web: { path: '/other', wait: 1 } } } }, () => release, [found], none)
    await pass(10 * second)
    expect(state.asked).to.be.within(9, 10)
    world.work()
    await liveness.ended()
    await pass(10 * second)
    expect(state.asked).to.be.within(9, 10)
  })
})

describe('readiness', () => {
  const sparing = (check: CheckFields = { path: '/ready', wait: 10, attempts: 3 }) => watching(check, 'readiness')

  it('spares a process requests that fails so often in a row, replaces nothing, and has it back when it passes', async () => {
    const { world, liveness, app, release, found, state, pass } = sparing()
    liveness.watch(app, () => release, [found], none)
    state.answer = bad
    await pass(20 * second)
    expect(state.unready).to.deep.equal([])
    await pass(40 * second)
    const failure = 'failed its readiness check, GET /ready on port 5000, 3 times in a row: did not answer within 5 s'
    expect(state.unready).to.deep.equal([failure])
    expect(state.rerouted).to.equal(1)
    state.answer = good
    await pass(10 * second)
    expect(state.unready).to.deep.equal([failure, null])
    expect(state.rerouted).to.equal(2)
    expect(state.sick).to.deep.equal([])
    expect(world.told).to.deep.equal([
      `web.1 ${failure}; it gets no requests until it passes`,
      'web.1 is ready: it gets requests',
    ])
  })

  it('goes on from what is on record, and asks such a process at once', async () => {
    const { liveness, app, release, found, state, pass } = sparing()
    const unready = 'failed its readiness check'
    const known = new Map([['c', { unready } as ProcessRecord]])
    state.answer = bad
    liveness.watch(app, () => release, [found], known)
    await pass(1)
    expect([state.asked, ...state.unready]).to.deep.equal([1, unready])
    state.answer = good
    await pass(10 * second)
    expect(state.unready).to.deep.equal([unready, null])
  })

  it('asks nobody that gets no requests, and only tells of one that is to warn', async () => {
    const { world, liveness, app, release, found, state, pass } = sparing({ path: '/ready', wait: 1, warn: true })
    state.answer = bad
    liveness.watch(
      { ...app, checks: { readiness: { worker: { path: '/x', wait: 1 } } } },
      () => release,
      [{ ...found, type: 'worker', process: 'worker.1' }],
      none,
    )
    await pass(60 * second)
    expect(state.asked).to.equal(0)
    liveness.watch(app, () => release, [found], none)
    await pass(60 * second)
    expect(state.unready).to.deep.equal([])
    expect(world.told).to.have.length(1)
  })
})
