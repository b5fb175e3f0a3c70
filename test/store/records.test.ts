import { expect } from 'chai'
import { change, unlessChanged } from '../../src/store/records.js'
import { refusals, rounds, storeRig, type StoreRig } from './rig.js'

describe('a record that two processes change at once', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const counter = { hash: 'counters', key: 'one' }
  const put = (record: object) => rig.store.redis.hset(counter.hash, counter.key, JSON.stringify(record))

  it('keeps every change', async () => {
    await put({ n: 0 })
    const add = (before: { n: number }) => ({ n: before.n + 1 })
    const { store, other } = rig
    await Promise.all(rounds.map((round) => change((round % 2 ? store : other).redis, counter, add)))
    expect(await change(store.redis, counter, () => null)).to.deep.equal({ n: 50 })
  })

  it('is asked for again with what another wrote meanwhile', async () => {
    await put({ n: 1 })
    const seen: number[] = []
    const script = `if redis.call('hget', KEYS[1], 'rival') then redis.call('hset', KEYS[1], ARGV[1], '{"n":5}') redis.call('hdel', KEYS[1], 'rival') end\n${unlessChanged}\nreturn 1`
    await rig.store.redis.hset(counter.hash, 'rival', '1')
    const next = ({ n }: { n: number }) => {
      seen.push(n)
      return { n: n + 1 }
    }
    expect(await change(rig.store.redis, { ...counter, script }, next)).to.deep.equal({ n: 6 })
    expect(seen).to.deep.equal([1, 5])
  })

  it('that is not there, or is to stay as it is, is not written', async () => {
    const never = (): never => {
      throw new Error('there is nothing to change')
    }
    expect(await change(rig.store.redis, { hash: 'counters', key: '__proto__' }, never)).to.equal(null)
    await put({ n: 1, odd: '\u0000 ü' })
    expect(await change(rig.store.redis, counter, () => null)).to.deep.equal({ n: 1, odd: '\u0000 ü' })
  })

  it('stays as it is when who changes it fails, or cannot read it', async () => {
    await put({ n: 1 })
    const fail = (): never => {
      throw new Error('no')
    }
    expect(await refusals([change(rig.store.redis, counter, fail)])).to.deep.equal(['no'])
    await rig.store.redis.hset(counter.hash, counter.key, '{"n":')
    expect(await refusals([change(rig.store.redis, counter, () => ({ n: 2 }))])).to.not.deep.equal([null])
    expect(await rig.store.redis.hget(counter.hash, counter.key)).to.equal('{"n":')
  })
})
