import { expect } from 'chai'
import { OperationLog } from '../../src/builds/operation-log.js'
import { buildPush, memoryOfNext } from '../../src/queue/push.js'
import type { App } from '../../src/store/apps.js'
import { depsOf, queueRig, type QueueRig } from './rig.js'

describe('a push that is built', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const push = (commit: string) => ({ kind: 'push', commit, branch: 'main' }) as const

  /** What building says when the app has had these operations, which the push does not build upon. */
  const told = async (app: App, unless: readonly string[]): Promise<string> => {
    const { store, config } = rig
    const operation = await store.operations.create(app.id, push('b'))
    const log = await OperationLog.open(config, store, operation.id)
    const current = await store.releases.current(app)
    const run = { app, current, operation, log, signal: new AbortController().signal }
    try {
      await buildPush(depsOf(rig), run, { commit: 'b', unless }, 3)
      return 'built'
    } catch (error) {
      return `${(await store.operations.get(operation.id)).status}: ${(error as Error).message}`
    } finally {
      await log.close()
    }
  }

  it('is stale when a push that it does not contain has landed, and that is said before anything is built', async () => {
    const app = await rig.app('stale')
    const landed = await rig.store.operations.create(app.id, push('aaaaaaaaa'))
    await rig.store.operations.update(landed.id, { status: 'succeeded' })
    expect(await told(app, [landed.id])).to.equal(
      'queued: another push (aaaaaaa) landed while this one waited, and this one does not contain it',
    )
  })

  it('is not stale for pushes that failed or are forgotten, nor for changes that are none', async () => {
    const app = await rig.app('fresh')
    const { operations } = rig.store
    const failed = await operations.create(app.id, push('a'))
    await operations.update(failed.id, { status: 'failed' })
    const config = await operations.create(app.id, { kind: 'config', set: {}, unset: [] })
    await operations.update(config.id, { status: 'succeeded' })
    expect(await told(app, [failed.id, config.id, 'long-forgotten'])).to.equal(
      'building: the pushed source is not there any more',
    )
  })

  it('is not taken for fresh while Redis is away', async () => {
    const app = await rig.app('unknown')
    const { operations } = rig.store
    const landed = await operations.create(app.id, push('a'))
    await rig.store.redis.hset('deploys', landed.id, '{"change":')
    expect(await told(app, [landed.id])).to.match(/^queued: .*JSON/)
  })
})

describe('the memory of the next build', () => {
  for (const [before, took, next, why] of [
    [0, 100, 100, 'the first is believed'],
    [100, 130, 130, 'one that took more is believed at once'],
    [100, 110, 100, 'a little more changes nothing'],
    [100, 80, 100, 'a little less changes nothing'],
    [100, 50, 75, 'one that took less is believed bit by bit'],
    [100, 10, 100, 'one that found all in its cache says nothing'],
  ] as const)
    it(`${why}: ${String(before)}, then ${String(took)}`, () => expect(memoryOfNext(before, took)).to.equal(next))
})
