import { expect } from 'chai'
import { ProcessRecords, type ProcessRecord } from '../../src/scheduler/records.js'
import { rounds, storeRig, type StoreRig } from '../store/rig.js'

describe('the record of processes', () => {
  let rig: StoreRig
  let [records, other]: ProcessRecords[] = []
  let app = ''
  let count = 0
  before(async () => {
    rig = await storeRig()
    ;[records, other] = [new ProcessRecords(rig.store.redis), new ProcessRecords(rig.other.redis)]
  })
  beforeEach(() => {
    app = `app${String((count += 1))}`
  })
  after(() => rig[Symbol.asyncDispose]())

  const mine = (): ProcessRecords => records as ProcessRecords
  const theirs = (): ProcessRecords => other as ProcessRecords
  const record = (state: ProcessRecord['state'], patch: Partial<ProcessRecord> = {}): ProcessRecord => ({
    container: 'c',
    process: 'web.1',
    type: 'web',
    release: 1,
    state,
    since: '2026-01-01T00:00:00.000Z',
    restarts: 0,
    until: null,
    failure: null,
    ...patch,
  })
  const found = {
    id: 'c',
    process: 'web.1',
    type: 'web',
    release: 1,
    spec: 's',
    running: true,
    createdAt: 0,
    address: '10.0.0.2',
  }

  it('is moved on, and says since when', async () => {
    await mine().add(app, record('starting'))
    const moved = await mine().move(app, 'c', 'up', { restarts: 2 })
    expect(moved).to.include({ state: 'up', restarts: 2 })
    expect(moved?.since).to.not.equal(record('up').since)
    const again = await mine().move(app, 'c', 'up', { failure: 'x' })
    expect(again === null || again.since === moved?.since).to.equal(true)
    expect(await theirs().list(app)).to.have.length(1)
  })

  it('changes with what takes over, in one step: the fresh are up, those that serve in their place drain', async () => {
    const add = (container: string, state: ProcessRecord['state']) => mine().add(app, { ...record(state), container })
    await Promise.all([add('new', 'starting'), add('old', 'up'), add('going', 'stopping'), add('other', 'up')])
    const order = { fresh: ['new'], replaced: ['old', 'going', 'none'], failure: 'it was sick' }
    expect(await mine().takeOver(app, 7, order)).to.equal(null)
    const states = async () => Object.fromEntries((await theirs().list(app)).map((one) => [one.container, one.state]))
    expect(await states()).to.deep.equal({ new: 'up', old: 'draining', going: 'stopping', other: 'up' })
    expect((await theirs().list(app)).find((one) => one.container === 'new')?.failure).to.equal('it was sick')
    expect(await theirs().rolled(app)).to.equal(7)
    for (const lost of ['going', 'none']) {
      const without = { fresh: ['old', lost], replaced: ['new'], failure: null }
      expect(await mine().takeOver(app, 8, without)).to.equal(lost)
    }
    expect(await states()).to.deep.equal({ new: 'up', old: 'draining', going: 'stopping', other: 'up' })
    expect(await theirs().rolled(app)).to.equal(7)
  })

  it('keeps what another writes while one takes over', async () => {
    for (const round of rounds) {
      const container = `c${String(round)}`
      await mine().add(app, record('starting', { container }))
      const [lost] = await Promise.all([
        mine().takeOver(app, round, { fresh: [container], replaced: [], failure: null }),
        theirs().move(app, container, 'starting', { restarts: 3 }),
      ])
      expect(lost).to.equal(null)
      const now = (await mine().list(app)).find((one) => one.container === container)
      // nothing goes back from up to starting: what came second found it so, and changed nothing
      expect([0, 3]).to.include(now?.restarts)
      expect([now?.state, await mine().rolled(app)]).to.deep.equal(['up', round])
    }
  })

  it('is not moved where that cannot be, nor of what is not known', async () => {
    expect(await mine().move(app, 'none', 'up')).to.equal(null)
    await mine().add(app, record('stopping'))
    expect(await mine().move(app, 'c', 'up')).to.equal(null)
    expect(await mine().list(app)).to.deep.equal([record('stopping')])
  })

  it('loses no move of two that come at once, and lets one of two that cannot both be', async () => {
    await mine().add(app, record('starting'))
    const moves = [mine(), theirs()].flatMap((one) =>
      Array.from({ length: 10 }, (_, at) => one.move(app, 'c', 'starting', { restarts: at })),
    )
    expect((await Promise.all(moves)).every((one) => one?.state === 'starting')).to.equal(true)
    const [up, stopping] = await Promise.all([
      mine().move(app, 'c', 'up'),
      theirs().move(app, 'c', 'stopping', { failure: 'told to' }),
    ])
    expect(stopping).to.include({ state: 'stopping' })
    expect((await mine().list(app))[0]).to.include({ state: 'stopping', failure: 'told to' })
    expect(up === null || up.state === 'up').to.equal(true)
  })

  it('is made of one that runs and that nobody has written down, once', async () => {
    await Promise.all([mine().see(app, found, 'one'), theirs().see(app, found, 'one')])
    const [seen, ...more] = await mine().list(app)
    expect([seen?.life, seen?.restarts, more]).to.deep.equal(['one', 0, []])
  })

  it('does not change by being looked at', async () => {
    const seen = await mine().see(app, found, 'one')
    expect(await mine().see(app, found, 'one')).to.deep.equal(seen)
    expect(await mine().list(app)).to.deep.equal([seen])
  })

  it('takes one that somebody started again for no longer crashed, and no longer up', async () => {
    await mine().add(app, record('crashed', { life: 'one', failure: 'x', until: '2026', restarts: 4 }))
    expect(await mine().see(app, found, 'two')).to.include({ failure: null, until: null, restarts: 4, life: 'two' })
    await mine().add(app, record('up', { life: 'one' }))
    expect((await mine().see(app, found, 'two')).state).to.equal('starting')
  })

  it('is of an app by itself, and goes with it', async () => {
    await mine().add(app, record('up'))
    await mine().add(app, record('up', { container: 'd' }))
    await mine().add(`${app}x`, record('up'))
    await mine().setRolled(app, 7)
    await mine().remove(app, [])
    await mine().remove(app, ['d', 'none'])
    expect([(await mine().list(app)).length, await theirs().rolled(app), await mine().rolled(`${app}x`)]).to.deep.equal(
      [1, 7, 0],
    )
    await theirs().clear(app)
    expect([await mine().list(app), await mine().rolled(app)]).to.deep.equal([[], 0])
    expect(await mine().list(`${app}x`)).to.have.length(1)
  })
})
