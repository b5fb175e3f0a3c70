import { expect } from 'chai'
import { noticeLines } from '../../src/scheduler/notice-lines.js'
import type { LogQuery } from '../../src/scheduler/scheduler.js'
import { storeRig, type StoreRig } from './rig.js'

describe('notices of an app', () => {
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const query = (patch: Partial<LogQuery> = {}): LogQuery => ({
    ...{ lines: 10, process: null, follow: false, signal: new AbortController().signal },
    ...patch,
  })
  const appOf = async (name: string): Promise<string> => (await rig.store.apps.create(name)).id

  it('are lines of its log, oldest first, of one process where one is named', async () => {
    const app = await appOf('told')
    await rig.store.notices.add(app, 'web.1', 'one')
    await rig.store.notices.add(app, 'worker.1', 'two')
    await rig.store.notices.add(app, 'web.2', 'x'.repeat(5_000))
    const told = async (patch: Partial<LogQuery>): Promise<string[]> =>
      (await noticeLines(rig.other, app).tail(query(patch))).map(
        ({ source, process, text }) => `${source} ${process} ${text.slice(0, 3)}`,
      )
    expect(await told({})).to.deep.equal(['berth web.1 one', 'berth worker.1 two', 'berth web.2 xxx'])
    expect(await told({ lines: 1 })).to.deep.equal(['berth web.2 xxx'])
    expect(await told({ lines: 0 })).to.deep.equal([])
    expect(await told({ process: 'web' })).to.deep.equal(['berth web.1 one', 'berth web.2 xxx'])
    expect(await told({ process: 'worker.1' })).to.deep.equal(['berth worker.1 two'])
    expect((await rig.store.notices.list(app)).at(-1)?.text).to.have.length(1_000)
  })

  it('are followed, each once, from where the look before ended', async () => {
    const app = await appOf('followed')
    await rig.store.notices.add(app, 'web.1', 'before')
    const stop = new AbortController()
    const source = noticeLines(rig.other, app)
    await source.open(query(), stop.signal)
    await rig.store.notices.add(app, 'web.1', 'meanwhile')
    expect((await source.tail(query())).map(({ text }) => text)).to.deep.equal(['before', 'meanwhile'])
    const lines = source.follow(query(), stop.signal)
    const next = lines[Symbol.asyncIterator]().next()
    await rig.store.notices.add(app, 'web.1', 'after')
    expect(((await next).value as { text: string }).text).to.equal('after')
    const end = lines[Symbol.asyncIterator]().next()
    stop.abort()
    expect((await end).done).to.equal(true)
  })

  it('are so many at most, and go with their app', async () => {
    const app = await appOf('gone')
    for (let count = 0; count < 700; count += 1) await rig.store.notices.add(app, 'web.1', String(count))
    const kept = await rig.store.notices.list(app)
    expect(kept.length).to.be.within(500, 650)
    expect(kept.at(-1)?.text).to.equal('699')
    await rig.store.apps.remove(app)
    await rig.store.notices.add(app, 'web.1', 'late')
    expect(await rig.store.notices.list(app)).to.deep.equal([])
  })
})
