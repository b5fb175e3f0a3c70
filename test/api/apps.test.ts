import { expect } from 'chai'
import { contract } from '../../src/api/contract.js'
import { is, type BerthError, type Fault } from '../../src/errors.js'
import { openRig, type Rig } from './rig.js'

/** What a promise was refused with. */
async function refusal(promise: Promise<unknown>): Promise<BerthError> {
  try {
    await promise
  } catch (error) {
    return error as BerthError
  }
  throw new Error('it was not refused')
}

/** A promise and the key to it. */
function defer() {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

describe('apps through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const expectFault = async (promise: Promise<unknown>, fault: Fault, words: RegExp): Promise<void> => {
    const error = await refusal(promise)
    expect(is(error, fault), `${error.fault}: ${error.message}`).to.equal(true)
    expect(error.message).to.match(words)
  }

  /** Follows a deploy to its verdict. */
  const settle = async (deploy: string) => {
    const lines = await rig.client.operations.log({ deploy, follow: 'true' })
    let text = ''
    for (;;) {
      const next = await lines.next()
      if (next.done) return { ...contract.operations.log.end.parse(next.value), text }
      text += contract.operations.log.reply.parse(next.value).text
    }
  }

  it('are created with a first release, listed and described', async () => {
    const made = contract.apps.create.reply.parse(await rig.client.apps.create({ name: 'listed' }))
    expect(made).to.include({ url: rig.config.appUrl('listed'), gitUrl: `${rig.url}/listed.git`, release: 1 })
    const all = contract.apps.list.reply.parse(await rig.client.apps.list({}))
    expect(all.map(({ name }) => name)).to.include('listed')
    const info = contract.apps.info.reply.parse(await rig.client.apps.info({ app: 'listed' }))
    expect(info.description).to.equal('Initial release')
    expect(contract.releases.list.reply.parse(await rig.client.releases.list({ app: 'listed' }))).to.have.length(1)
  })

  it('get a random name when none is given', async () => {
    const { name } = await rig.client.apps.create({})
    expect(name).to.match(/^[a-z]+-[a-z]+-\d{4}$/)
  })

  it('are refused bad, reserved and taken names, and nothing is half-made', async () => {
    await rig.client.apps.create({ name: 'taken' })
    const before = await rig.client.apps.list({})
    for (const name of ['', 'Upper', '..', 'a'.repeat(64), 'berth', 'api', 'a_b', '-a', 'a-', '1a', 'a b', 'ü'])
      await expectFault(rig.client.apps.create({ name }), 'invalid', /name/)
    await expectFault(rig.client.apps.create({ name: 'taken' }), 'conflict', /is taken/)
    expect(await rig.client.apps.list({})).to.deep.equal(before)
  })

  it('that are not there are 404 everywhere', async () => {
    const { apps, config, formation, processes, releases, builds } = rig.client
    const app = 'nowhere'
    for (const call of [
      apps.info({ app }),
      apps.destroy({ app, confirm: app }),
      config.get({ app }),
      config.change({ app, set: { A: 'b' } }),
      formation.scale({ app, formation: { web: { quantity: 2 } } }),
      processes.logs({ app }),
      processes.restart({ app }),
      releases.rollback({ app }),
      builds.list({ app }),
    ])
      await expectFault(call, 'missing', /no app named "nowhere"/)
  })

  it('are renamed, and their new name is known at once', async () => {
    await rig.client.apps.create({ name: 'before' })
    const { app, deploy } = contract.apps.update.reply.parse(
      await rig.client.apps.update({ app: 'before', name: 'after' }),
    )
    expect(app.name).to.equal('after')
    expect((await settle(deploy?.id ?? '')).status).to.equal('succeeded')
    await expectFault(rig.client.apps.info({ app: 'before' }), 'missing', /before/)
    await expectFault(rig.client.apps.update({ app: 'after', name: 'Bad' }), 'invalid', /Bad/)
  })

  it('choose their branch', async () => {
    await rig.client.apps.create({ name: 'branched' })
    const { app } = await rig.client.apps.update({ app: 'branched', deployBranch: 'release/2.0' })
    expect(app.deployBranch).to.equal('release/2.0')
    for (const bad of ['', '-x', 'a..b', 'a b', 'a/', '.a', 'a.lock', 'a~1', 'a\nb'])
      await expectFault(rig.client.apps.update({ app: 'branched', deployBranch: bad }), 'invalid', /branch/)
  })

  it('are destroyed when their name is repeated, and only then', async () => {
    await rig.client.apps.create({ name: 'doomed' })
    await expectFault(rig.client.apps.destroy({ app: 'doomed', confirm: 'Doomed' }), 'invalid', /not the name/)
    const deploy = await rig.client.apps.destroy({ app: 'doomed', confirm: 'doomed' })
    const end = await settle(deploy.id).catch((error: unknown) => error)
    // it may be gone before we ask; then it was destroyed
    expect(is(end, 'missing') || (end as { status: string }).status === 'succeeded').to.equal(true)
    await expectFault(rig.client.apps.info({ app: 'doomed' }), 'missing', /doomed/)
    await rig.client.apps.create({ name: 'doomed' })
  })

  describe('config vars', () => {
    before(() => rig.client.apps.create({ name: 'vars' }))

    it('of every shape come back as they were given, each change a release', async () => {
      const set = {
        EQUALS: 'a=b==',
        LINES: 'one\ntwo\r\n\n',
        QUOTES: `"double" 'single' \`back\` $HOME \\n`,
        UNICODE: 'naïve ☃ 🚢',
        EMPTY: '',
        LONG: 'x'.repeat(100_000),
        __proto: 'kept',
      }
      const deploy = await rig.client.config.change({ app: 'vars', set })
      expect(JSON.stringify(deploy)).to.not.include('double')
      const end = await settle(deploy.id)
      expect(end).to.include({ status: 'succeeded', release: 2 })
      expect(contract.config.get.reply.parse(await rig.client.config.get({ app: 'vars' }))).to.deep.equal(set)
      const after = await settle((await rig.client.config.change({ app: 'vars', unset: ['LONG', 'EMPTY'] })).id)
      expect(after.release).to.equal(3)
      expect(await rig.client.config.get({ app: 'vars' })).to.have.all.keys(
        'EQUALS',
        'LINES',
        'QUOTES',
        'UNICODE',
        '__proto',
      )
      const { description } = await rig.client.releases.info({ app: 'vars', version: 'v3' })
      expect(description).to.include('LONG')
    })

    it('are refused when no process could have them, and nothing is changed', async () => {
      const before = await rig.client.releases.list({ app: 'vars' })
      const change = (set: Record<string, string>) => rig.client.config.change({ app: 'vars', set })
      for (const name of ['', '1A', 'A-B', 'A B', 'A=B', 'Ä', 'A\n', 'x'.repeat(300)])
        await expectFault(change({ [name]: 'secret' }), 'invalid', /is not the name of a config var/)
      await expectFault(change({ BERTH_APP: '1' }), 'invalid', /set by Berth itself/)
      for (const port of ['', '0', '65536', '08', '80 ', 'http'])
        await expectFault(change({ PORT: port }), 'invalid', /PORT is not a port number/)
      await expectFault(change({ NUL: 'a\0b' }), 'invalid', /NUL/)
      await expectFault(change({ HALF: '\ud800' }), 'invalid', /Unicode/)
      await expectFault(change({ HUGE: 'x'.repeat(200_000) }), 'large', /128 KiB/)
      await expectFault(change({}), 'invalid', /no config var/)
      await expectFault(rig.client.config.change({ app: 'vars', set: { A: 'b' }, unset: ['A'] }), 'invalid', /both/)
      expect(await rig.client.releases.list({ app: 'vars' })).to.deep.equal(before)
    })

    it('may be called like what every object has, but for the one name that cannot be kept', async () => {
      const app = 'named'
      await rig.client.apps.create({ name: app })
      const set = { constructor: '1', toString: '2', hasOwnProperty: '3', valueOf: '4' }
      await settle((await rig.client.config.change({ app, set })).id)
      expect(await rig.client.config.get({ app })).to.deep.equal(set)
      await settle((await rig.client.config.change({ app, set: {}, unset: ['constructor'] })).id)
      expect(Object.keys(await rig.client.config.get({ app }))).to.deep.equal(['toString', 'hasOwnProperty', 'valueOf'])
      const odd = JSON.parse('{"__proto__":"1","A":"2"}') as Record<string, string>
      await expectFault(rig.client.config.change({ app, set: odd }), 'invalid', /__proto__/)
      expect(await rig.client.config.get({ app })).to.not.have.property('A')
    })

    it('are 256 KiB altogether at most', async () => {
      await rig.client.apps.create({ name: 'hoard' })
      const big = 'x'.repeat(120_000)
      const many = (from: number, count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${from + i}`, big]))
      expect((await settle((await rig.client.config.change({ app: 'hoard', set: many(0, 2) })).id)).status).to.equal(
        'succeeded',
      )
      await expectFault(
        rig.client.config.change({ app: 'hoard', set: many(2, 1) }),
        'large',
        /256 KiB altogether at most, and these would be 352 KiB/,
      )
    })
  })

  describe('formations', () => {
    it('are read and changed, one field of one type at a time', async () => {
      await rig.pushed('sized')
      const before = contract.formation.get.reply.parse(await rig.client.formation.get({ app: 'sized' }))
      expect(before).to.have.all.keys('web', 'worker')
      const deploy = await rig.client.formation.scale({
        app: 'sized',
        formation: { worker: { quantity: 2, cpus: 0.5 } },
      })
      expect((await settle(deploy.id)).release).to.equal(3)
      expect((await rig.client.formation.get({ app: 'sized' })).worker).to.deep.equal({
        quantity: 2,
        memory: 2 ** 29,
        cpus: 0.5,
        command: 'node worker.js',
      })
    })

    it('name only what the release has, in sizes that can be', async () => {
      await rig.pushed('unscaled')
      const scale = (type: string, quantity: number, memory = 2 ** 29) =>
        rig.client.formation.scale({ app: 'unscaled', formation: { [type]: { quantity, memory } } })
      await expectFault(scale('wbe', 1), 'missing', /no process type "wbe"/)
      await expectFault(scale('release', 1), 'missing', /no process type "release"/)
      await expectFault(scale('web', -1), 'invalid', /^web=-1: not less than 0$/)
      await expectFault(scale('web', 1, 10), 'invalid', /^web: 10 bytes of memory: at least 16M$/)
      await rig.client.apps.create({ name: 'unpushed' })
      const before = (formation: Record<string, { quantity: number }>) =>
        rig.client.formation.scale({ app: 'unpushed', formation })
      await expectFault(before({ release: { quantity: 2 } }), 'missing', /no process type "release"/)
      await expectFault(before({ 'a b': { quantity: 2 } }), 'missing', /no process type "a b"/)
      expect(await rig.client.formation.get({ app: 'unpushed' })).to.deep.equal({})
    })

    it('set a scale before the first push, of types called anything a Procfile may', async () => {
      const app = 'early'
      await rig.client.apps.create({ name: app })
      await settle((await rig.client.formation.scale({ app, formation: { constructor: { quantity: 2 } } })).id)
      await settle((await rig.client.formation.scale({ app, formation: { worker: { quantity: 3 } } })).id)
      const formation = await rig.client.formation.get({ app })
      expect(Object.entries(formation).map(([type, { quantity }]) => `${type}=${quantity}`)).to.deep.equal([
        'constructor=2',
        'worker=3',
      ])
    })
  })

  describe('releases', () => {
    it('are gone back to: the one before, or the one named', async () => {
      const app = 'rolling'
      await rig.pushed(app)
      await expectFault(rig.client.releases.rollback({ app }), 'conflict', /no earlier release/)
      await settle((await rig.client.config.change({ app, set: { A: '1' } })).id)
      const end = await settle((await rig.client.releases.rollback({ app })).id)
      expect(end, end.text).to.include({ status: 'succeeded', release: 4 })
      expect(await rig.client.config.get({ app })).to.deep.equal({})
      const current = contract.releases.info.reply.parse(await rig.client.releases.info({ app, version: 'current' }))
      expect(current).to.include({ version: 4, description: 'Rollback to v2', current: true })
      // a scale alone is nothing a rollback would undo: it goes past it
      await settle((await rig.client.formation.scale({ app, formation: { web: { quantity: 2 } } })).id)
      await settle((await rig.client.releases.rollback({ app })).id)
      expect(await rig.client.releases.info({ app, version: 'current' })).to.include({ description: 'Rollback to v3' })
      expect((await settle((await rig.client.releases.rollback({ app, version: 4 })).id)).text).to.match(
        /Brings back the code, .* of v4\n.*Does not bring back the scale/,
      )
      await expectFault(rig.client.releases.rollback({ app, version: 1 }), 'conflict', /no image/)
      await expectFault(rig.client.releases.rollback({ app, version: 7 }), 'conflict', /current/)
      await expectFault(rig.client.releases.rollback({ app, version: 99 }), 'missing', /v99/)
      await expectFault(rig.client.releases.info({ app, version: 'x' }), 'invalid', /^version: a version is v1/)
    })

    it('that fail say so in the verdict, with the log, and the old one stays', async () => {
      const app = 'sick'
      await rig.pushed(app)
      const healthy = rig.rollOut
      rig.rollOut = (_app, _release, { log }) => {
        log('web.1 says: cannot find module')
        return Promise.reject(new Error('web.1 crashed'))
      }
      try {
        const end = await settle((await rig.client.config.change({ app, set: { BAD: '1' } })).id)
        expect(end).to.include({ status: 'failed', failure: 'web.1 crashed' })
        expect(end.text).to.include('cannot find module')
      } finally {
        rig.rollOut = healthy
      }
      expect(await rig.client.config.get({ app })).to.deep.equal({})
      const [newest] = await rig.client.releases.list({ app })
      expect(newest).to.include({ version: 3, status: 'failed', current: false })
    })
  })

  describe('a change under way', () => {
    it('is followed from any byte, and goes on when its follower leaves', async () => {
      const app = 'slow'
      await rig.pushed(app)
      const healthy = rig.rollOut
      const started = defer()
      const go = defer()
      rig.rollOut = async (_app, _release, { log }) => {
        log('one')
        started.resolve()
        await go.promise
        log('two')
      }
      try {
        const { id } = await rig.client.config.change({ app, set: { A: '1' } })
        await started.promise
        const left = new AbortController()
        const lines = await rig.client.operations.log({ deploy: id, follow: 'true' }, left.signal)
        let offset = 0
        let seen = ''
        while (!seen.includes('one')) {
          const next = await lines.next()
          if (next.done) throw new Error('it ended early')
          seen += next.value.text
          offset = next.value.offset
        }
        left.abort()
        const again = await rig.client.operations.log({ deploy: id, follow: 'true', from: offset })
        go.resolve()
        let rest = ''
        let next = await again.next()
        for (; next.done !== true; next = await again.next()) rest += next.value.text
        expect(rest).to.include('two').and.to.not.include('one')
        expect(next.value.status).to.equal('succeeded')
      } finally {
        rig.rollOut = healthy
      }
    })
  })

  it('builds are the pushes among the changes', async () => {
    const app = await rig.pushed('built')
    await expectFault(rig.client.builds.info({ app: 'built', build: 'latest' }), 'missing', /no builds yet/)
    const { id } = await rig.store.operations.create(app.id, { kind: 'push', commit: 'f'.repeat(40), branch: 'main' })
    await settle((await rig.client.processes.restart({ app: 'built' })).id)
    const builds = contract.builds.list.reply.parse(await rig.client.builds.list({ app: 'built' }))
    expect(builds.map((build) => build.id)).to.deep.equal([id])
    const output = await rig.client.builds.output({ app: 'built', build: id, follow: 'true' })
    let text = ''
    for await (const part of output) text += part
    expect(text).to.not.equal('')
    await expectFault(rig.client.builds.output({ app: 'listed', build: id }), 'missing', /no build/)
  })

  it('restart what there is and nothing else', async () => {
    await rig.pushed('restarted')
    const { id } = await rig.client.processes.restart({ app: 'restarted', process: 'web.1' })
    expect((await settle(id)).status).to.equal('succeeded')
    for (const process of ['web.2', 'web.0', 'worker.1', 'nothing', 'release.1'])
      await expectFault(rig.client.processes.restart({ app: 'restarted', process }), 'missing', /no process/)
    await expectFault(
      rig.client.processes.restart({ app: 'restarted', process: '../x' }),
      'invalid',
      /^process: a process is named web.1/,
    )
  })

  it('list what should run', async () => {
    await rig.pushed('listing')
    const all = contract.processes.list.reply.parse(await rig.client.processes.list({ app: 'listing' }))
    expect(all.map(({ name, state }) => `${name} ${state}`)).to.deep.equal(['web.1 down'])
  })

  it('logs of nothing end at once, with a verdict', async () => {
    await rig.pushed('silent')
    const lines = await rig.client.processes.logs({ app: 'silent' })
    expect(await lines.next()).to.deep.equal({ done: true, value: { lines: 0 } })
  })
})
