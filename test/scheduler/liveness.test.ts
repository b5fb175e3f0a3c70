import { expect } from 'chai'
import type { SchedulerDeps } from '../../src/scheduler/fleet.js'
import { Liveness, type SickProcess } from '../../src/scheduler/liveness.js'
import type { CheckOutcome } from '../../src/scheduler/perform.js'
import type { ObservedContainer } from '../../src/scheduler/plan.js'
import type { CheckFields } from '../../src/store/checks.js'
import { firstRelease } from '../../src/store/releases.js'
import { createLog } from '../../src/log.js'
import { rest, World } from './world.js'

const second = 1_000
const good: CheckOutcome = { passed: true, said: 'status 200' }
const bad: CheckOutcome = { passed: false, said: 'did not answer within 5 s' }

/** A process `web.1` that is watched; what it answers is the test's. */
function watching(check: CheckFields = { path: '/up', wait: 10, attempts: 3 }) {
  const world = new World()
  const release = { ...firstRelease('a'), processTypes: { web: 'web' } }
  const found = { id: 'c', process: 'web.1', type: 'web', address: '10.0.0.1', running: true } as ObservedContainer
  const app = { ...world.app, checks: { liveness: { web: check } } }
  const state = {
    answer: good as CheckOutcome | Error,
    asked: 0,
    hindrance: null as string | null,
    sick: [] as SickProcess[],
    logged: [] as string[],
    restarts: 0,
  }
  const list = () => Promise.resolve([{ container: 'c', state: 'up', restarts: state.restarts }])
  const records = { list } as unknown as SchedulerDeps['records']
  const liveness = new Liveness(
    { ...world.deps, records, log: createLog('test', { write: (line) => state.logged.push(line) }) },
    (sick) => {
      state.sick.push(sick)
      return Promise.resolve(state.hindrance)
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
    liveness.watch(world.app, release, [found])
    await pass(100 * second)
    expect(state.asked).to.equal(0)
  })

  it('has a process replaced that fails so often in a row, and not before', async () => {
    const { world, liveness, app, release, found, state, pass } = watching()
    liveness.watch(app, release, [found])
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
    liveness.watch(app, release, [])
    const { asked } = state
    await pass(100 * second)
    expect(state.asked).to.equal(asked)
    await liveness.ended()
  })

  it('gives one that never did well more time each time', async () => {
    const { liveness, app, release, found, state, pass } = watching()
    Object.assign(state, { answer: bad, restarts: 7 })
    liveness.watch(app, release, [found])
    await pass(63 * second)
    expect(state.sick).to.have.length(0)
    await pass(20 * second)
    expect(state.sick.map(({ restarts }) => restarts)).to.deep.equal([8])
  })

  it('tries again, ever less often, when the new one does not come up', async () => {
    const { world, liveness, app, release, found, state, pass } = watching({ path: '/up', wait: 1, attempts: 1 })
    Object.assign(state, { answer: bad, hindrance: 'web.1 did not listen' })
    liveness.watch(app, release, [found])
    await pass(600 * second)
    expect(state.sick.length).to.be.within(8, 11)
    expect(world.told.filter((line) => line.includes('failed its liveness check'))).to.have.length(1)
    expect(world.told.at(-1)).to.equal('web.1 could not be replaced now: web.1 did not listen')
  })

  it('says, once, that a check cannot be done, and takes that for no failure', async () => {
    const { liveness, app, release, found, state, pass } = watching({ path: '/up', wait: 1, attempts: 1 })
    state.answer = new Error('the engine is away')
    liveness.watch(app, release, [found])
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
    liveness.watch(app, release, [found])
    await pass(60 * second)
    expect(state.asked).to.be.greaterThan(50)
    expect(state.sick).to.deep.equal([])
    expect(world.told).to.have.length(1)
  })

  it('goes on with another check at once, and ends with the scheduler', async () => {
    const { world, liveness, app, release, found, state, pass } = watching()
    liveness.watch(app, release, [found])
    liveness.watch({ ...app, checks: { liveness: { web: { path: '/other', wait: 1 } } } }, release, [found])
    await pass(10 * second)
    expect(state.asked).to.be.within(9, 10)
    world.work()
    await liveness.ended()
    await pass(10 * second)
    expect(state.asked).to.be.within(9, 10)
  })
})
