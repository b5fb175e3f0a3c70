import { expect } from 'chai'
import { arrivals, isOver, operationChannel } from '../../src/store/operations.js'
import { firstRelease } from '../../src/store/releases.js'
import { refusals, rounds, storeRig, type StoreRig } from './rig.js'

describe('the record of operations', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('end a deploy once: what is over stays as it ended', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('ends')
    for (const round of rounds) {
      const { id } = await store.operations.create(app, { kind: 'push', commit: String(round), branch: 'main' })
      const ends = await Promise.all([
        store.operations.update(id, { status: 'succeeded', release: round }),
        other.operations.update(id, { status: 'failed', failure: 'no' }),
        store.operations.update(id, { status: 'building' }),
      ])
      const end = await store.operations.get(id)
      expect(end.status).to.be.oneOf(['succeeded', 'failed'])
      expect(ends.filter(({ status }) => status === end.status)).to.not.have.length(0)
      expect(end.failure).to.equal(end.status === 'failed' ? 'no' : null)
    }
    expect(await store.operations.pending(app)).to.deep.equal([])
  })

  it('write the release that one makes with its number, or neither', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('makes')
    const { id } = await store.operations.create(app, { kind: 'restart', process: null })
    const told = Promise.withResolvers<string>()
    await other.notifications.subscribe(operationChannel(id), told.resolve)
    const made = { ...firstRelease(app), version: 2, status: 'pending' as const }
    await Promise.all([store.operations.release(id, made), other.operations.cancel(id, 'somebody')])
    expect(await other.operations.get(id)).to.include({ status: 'releasing', release: 2, cancelledBy: 'somebody' })
    expect(await other.releases.get(app, 2)).to.deep.equal(made)
    expect(await told.promise).to.equal('releasing')
    await store.operations.update(id, { status: 'failed', failure: 'no' })
    await store.operations.release(id, { ...made, version: 3 })
    expect(await other.operations.get(id)).to.include({ status: 'failed', release: 2 })
    expect(await refusals([store.releases.get(app, 3)])).to.deep.equal(['no release v3'])
    expect(await refusals([store.operations.release('none', made)])).to.match(/no change none is known/)
  })

  it('record no deploy of an app that is gone, and one of an id once', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('fleeting')
    const change = { kind: 'restart', process: null } as const
    await Promise.all([store.operations.create(app, change, 'same'), other.operations.create(app, change, 'same')])
    expect(await store.operations.pending(app)).to.have.length(1)
    await store.apps.remove(app)
    expect(await refusals([store.operations.create(app, change)])).to.deep.equal(['the app is not there any more'])
    expect(await store.redis.exists('deploys:' + app, 'pending:' + app, 'releases:' + app)).to.equal(0)
  })

  it('remember the last hundred deploys of an app, pending ones apart', async () => {
    const { store } = rig
    const { id: app } = await store.apps.create('old')
    const waiting = await store.operations.create(app, { kind: 'restart', process: null })
    for (let n = 0; n < 5; n += 1) {
      const { id } = await store.operations.create(app, { kind: 'config', set: { BIG: 'x' }, unset: [] })
      await store.operations.update(id, { status: 'succeeded' })
    }
    expect(await store.operations.trim(app, 3)).to.deep.equal([])
    await store.operations.update(waiting.id, { status: 'succeeded' })
    expect(await store.operations.trim(app, 3))
      .to.have.length(3)
      .and.to.include(waiting.id)
    expect((await store.operations.list(app)).map(({ change }) => change)).to.deep.equal(
      Array(3).fill({ kind: 'config', set: { BIG: '' }, unset: [] }),
    )
  })

  it('is in order: pending ones as they came, all of them newest first', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('ordered')
    const ids: string[] = []
    for (const each of [store, other, store])
      ids.push((await each.operations.create(app, { kind: 'restart', process: null })).id)
    expect((await store.operations.pending(app)).map(({ id }) => id)).to.deep.equal(ids)
    expect((await store.operations.list(app)).map(({ id }) => id)).to.deep.equal([...ids].reverse())
    expect(await store.operations.pendingApps()).to.include(app)
    await store.operations.update(ids[1] ?? '', { status: 'cancelled' })
    expect((await store.operations.pending(app)).map(({ id }) => id)).to.deep.equal([ids[0], ids[2]])
    expect(await store.operations.pending('nobody')).to.deep.equal([])
  })

  it('tells the worker of what comes and is to end, and those who follow what becomes of it', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('told')
    const heard: string[] = []
    const last = Promise.withResolvers<unknown>()
    const hear = (message: string) => {
      if (heard.push(message) === 4) last.resolve(null)
    }
    await store.notifications.subscribe(arrivals, hear)
    await store.notifications.subscribe(operationChannel('told-1'), hear)
    await other.operations.create(app, { kind: 'restart', process: null }, 'told-1')
    await other.operations.cancel('told-1', 'ada')
    await other.operations.update('told-1', { status: 'releasing' })
    await other.apps.remove(app)
    await last.promise
    expect(heard).to.deep.equal([app, app, 'releasing', 'gone'])
    await store.notifications.close()
  })

  it('says who cancelled first, and of what is over nothing new', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('cancelled')
    for (const round of rounds.slice(40)) {
      const { id } = await store.operations.create(app, { kind: 'restart', process: null })
      const told = await Promise.all([
        store.operations.cancel(id, 'ada'),
        other.operations.cancel(id, 'bob'),
        ...(round % 2 ? [store.operations.update(id, { status: 'succeeded' })] : []),
      ])
      const end = await store.operations.get(id)
      expect(end.cancelledBy).to.be.oneOf(['ada', 'bob', ...(isOver(end.status) ? [undefined] : [])])
      for (const { cancelledBy } of told) expect(cancelledBy).to.be.oneOf([undefined, end.cancelledBy])
      await store.operations.update(id, { status: 'succeeded' })
      expect(await store.operations.cancel(id, 'eve')).to.not.have.property('cancelledBy', 'eve')
    }
  })

  it('knows nothing of an id that is none', async () => {
    const { store } = rig
    const told = await refusals(
      ['', '__proto__', 'x'.repeat(100_000), 'a\0b'].flatMap((id) => [
        store.operations.get(id),
        store.operations.update(id, { status: 'building' }),
        store.operations.cancel(id, 'ada'),
      ]),
    )
    expect(told).to.have.length(12)
    for (const words of told) expect(words).to.match(/^no change .{0,40} is known/)
  })
})
