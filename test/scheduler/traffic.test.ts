import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { defaultLimits } from '../../src/scheduler/limits.js'
import { Traffic } from '../../src/scheduler/traffic.js'
import { openStore, type Store } from '../../src/store/store.js'
import { startRedis, type RedisChild } from '../redis.js'

describe('the wait for a process to have no request', function () {
  this.timeout(20_000)
  let dir: string
  let redis: RedisChild
  let store: Store
  let traffic: Traffic
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-traffic-'))
    const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
    redis = await startRedis(config)
    store = await openStore(config)
    traffic = await open(3_000)
  })
  afterEach(async () => {
    await traffic[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
    await rm(dir, { recursive: true })
  })

  const open = (drain: number) => Traffic.open(store, (name) => `${name}.test`, { ...defaultLimits, drain })
  const never = new AbortController().signal
  const begin = (version: number) => {
    const began = Date.now()
    const drained = traffic.drained('app', version, 'old', never).then(() => Date.now() - began)
    return { drained, isOver: (ms: number) => Promise.race([drained.then(() => true), delay(ms, false)]) }
  }
  const applied = (version: number, ...busy: string[]) => ({ app: 'app', version, busy })

  it('lasts while a router that does not listen may lead there still', async () => {
    await store.routes.applied(applied(1))
    const { drained, isOver } = begin(2)
    expect(await isOver(500)).to.equal(false)
    // written while nobody could hear it
    await store.redis.hset('routes:applied', 'app', JSON.stringify(applied(2)))
    expect(await drained).to.be.lessThan(2_800)
  })

  it('is of this time, whatever was said when the process was away and came back', async () => {
    await store.routes.applied(applied(1))
    await store.routes.applied(applied(2))
    const { drained, isOver } = begin(3)
    await store.routes.applied(applied(2))
    await store.routes.applied(applied(3, 'old'))
    expect(await isOver(300)).to.equal(false)
    await store.routes.applied(applied(3))
    expect(await drained).to.be.lessThan(2_800)
  })

  it('ends when none has come back in time', async () => {
    await using hasty = await open(200)
    const began = Date.now()
    await hasty.drained('app', 2, 'old', never)
    expect(Date.now() - began).to.be.within(180, 2_500)
  })

  it('lasts while a router that another has taken over from has requests there, and until it hears of the route', async () => {
    await store.routes.leaving('one', [applied(1)])
    await store.routes.leaving('two', [applied(2, 'old')])
    await store.routes.applied(applied(2))
    const { drained, isOver } = begin(2)
    expect(await isOver(300)).to.equal(false)
    await store.routes.leaving('one', [applied(2, 'another')])
    expect(await isOver(300)).to.equal(false)
    await store.routes.left('two')
    expect(await drained).to.be.lessThan(2_800)
  })
})
