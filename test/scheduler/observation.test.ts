import { expect } from 'chai'
import { observe } from '../../src/scheduler/observation.js'
import type { Box } from './simulated-engine.js'
import { World } from './world.js'

describe('a look at an app', () => {
  let world: World
  let box: Box
  beforeEach(async () => {
    world = new World()
    await world.pass(5_000)
    const [first] = world.boxes.values()
    if (!first) throw new Error('nothing runs')
    box = first
    world.deaf = true // nobody but the look tells
  })

  const look = async () => {
    const { all, known } = await observe(world.deps, 'a')
    return { found: all.find(({ id }) => id === box.id), record: known.get(box.id), count: [all.length, known.size] }
  }

  it('finds what runs, and a record of each', async () => {
    const { found, record, count } = await look()
    expect(found).to.include({ running: true, address: `10.0.0.${box.id}` })
    expect([record?.state, count]).to.deep.equal(['up', [3, 3]])
  })

  it('has one that is paused go on, and one that is off its network back on it', async () => {
    Object.assign(box, { state: 'paused', connected: false })
    expect((await look()).found).to.include({ running: true, paused: false, address: `10.0.0.${box.id}` })
    expect([box.state, box.connected]).to.deep.equal(['running', true])
  })

  it('takes one for dead that cannot be made to go on', async () => {
    box.state = 'paused'
    world.deps.engine.unpause = () => Promise.reject(new Error('frozen'))
    expect((await look()).found).to.include({ running: false })
    expect((await look()).count[0]).to.equal(3)
  })

  it('forgets what is gone or going, and writes down what nobody has', async () => {
    world.boxes.delete(box.id)
    expect(await look()).to.deep.equal({ found: undefined, record: undefined, count: [2, 2] })
    const [other] = world.boxes.values()
    if (other) other.state = 'removing'
    expect((await look()).count).to.deep.equal([1, 1])
    world.hashes.hash('processes:a').clear()
    expect((await look()).count).to.deep.equal([1, 1])
  })

  it('sees that one was started again', async () => {
    world.end(box)
    await world.pass(1)
    world.deps.engine.forget()
    Object.assign(box, { state: 'running', startedAt: world.clock.now() + 1 })
    expect((await look()).record?.state).to.equal('starting')
  })

  it('fails when the engine is away, and changes nothing', async () => {
    const before = [...world.hashes.hash('processes:a').values()]
    world.away = true
    expect(await observe(world.deps, 'a').catch((error: unknown) => error)).to.include({ fault: 'unavailable' })
    expect([...world.hashes.hash('processes:a').values()]).to.deep.equal(before)
  })
})
