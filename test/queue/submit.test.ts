import { expect } from 'chai'
import { submit, wake, wakeUps } from '../../src/queue/submit.js'
import { arrivals } from '../../src/store/operations.js'
import { queueRig, type QueueRig } from './rig.js'

describe('a change that is submitted', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const restart = { kind: 'restart', process: null } as const
  const jobs = async () => (await wakeUps(rig.store.redis)).getJobCountByTypes('waiting', 'active', 'delayed')

  it('is recorded with who asked, under the id that it has already', async () => {
    const app = await rig.app('recorded')
    const by = { token: '123456789abc', name: 'ada' }
    const one = await submit(rig.store, app, restart, { id: 'mine', by })
    expect(await rig.store.operations.get('mine')).to.deep.equal(one)
    expect(one).to.deep.include({ app: app.id, change: restart, status: 'queued', by })
    expect((await submit(rig.store, app, restart)).by, 'Berth itself').to.equal(null)
    await submit(rig.store, app, restart, { id: 'mine' })
    expect(await rig.store.operations.pending(app.id)).to.have.length(2)
  })

  it('wakes the worker once, however many there are', async () => {
    const before = await jobs()
    const [one, two] = [await rig.app('one'), await rig.app('two')]
    await Promise.all(Array.from({ length: 20 }, (_, n) => submit(rig.store, n % 2 ? one : two, restart)))
    expect((await jobs()) - before).to.equal(2)
    await wake(rig.store.redis, one.id)
    expect((await jobs()) - before).to.equal(2)
    expect(await rig.store.operations.pending(one.id)).to.have.length(10)
  })

  it('wakes nobody by a job where a worker listens', async () => {
    const before = await jobs()
    const app = await rig.app('heard')
    const heard = Promise.withResolvers<string>()
    const unsubscribe = await rig.store.notifications.subscribe(arrivals, heard.resolve)
    await submit(rig.store, app, restart)
    expect([await heard.promise, (await jobs()) - before]).to.deep.equal([app.id, 0])
    unsubscribe()
  })

  it('of an app that is gone is refused, and nobody is woken', async () => {
    const app = await rig.app('gone')
    await rig.store.apps.remove(app.id)
    const before = await jobs()
    const told = await submit(rig.store, app, restart).catch((error: unknown) => (error as Error).message)
    expect(told).to.equal('the app is not there any more')
    expect(await jobs()).to.equal(before)
  })

  it('shares one queue a connection', async () => {
    const [one, two] = await Promise.all([wakeUps(rig.store.redis), wakeUps(rig.store.redis)])
    expect(one).to.equal(two)
  })
})
