import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { operationFiles } from '../../src/builds/files.js'
import { OperationLog } from '../../src/builds/operation-log.js'
import { changeOf, kindOf, nextRelease } from '../../src/changes/index.js'
import type { ReleasingKind } from '../../src/changes/kind.js'
import { makeRelease } from '../../src/queue/make-release.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { StoredChange } from '../../src/store/operations.js'
import type { Release } from '../../src/store/releases.js'
import { depsOf, queueRig, schedulerOf, type QueueRig } from './rig.js'

describe('making a release', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const set = (vars: Record<string, string>): StoredChange => ({ kind: 'config', set: vars, unset: [] })

  /**
   * Makes what follows the app's current release by a change; `did` is what the scheduler was asked, in order.
   * @param begun the release that a worker which died had begun to make
   */
  const make = async (app: App, change: StoredChange, scheduler: Partial<Scheduler> = {}, begun?: number) => {
    const { operations, releases, apps } = rig.store
    const { id } = await operations.create(app.id, change)
    const operation = begun === undefined ? await operations.get(id) : await operations.update(id, { release: begun })
    const now = (await apps.find(app.id)) ?? app
    const log = await OperationLog.open(rig.config, rig.store, id)
    const run = { app: now, current: await releases.current(now), operation, log, signal: new AbortController().signal }
    const did: string[] = []
    const does: Partial<Scheduler> = {
      rollOut: (_app, { version }) => Promise.resolve(void did.push(`roll out v${version}`)),
      runOnce: (_app, { version }, { command }) => Promise.resolve(did.push(`${command} of v${version}`) * 0),
      refreshRoute: () => Promise.resolve(void did.push('refresh route')),
    }
    const deps = depsOf(rig, { scheduler: { ...schedulerOf(() => Promise.resolve()), ...does, ...scheduler } })
    const failure = await makeRelease(
      deps,
      run,
      changeOf(operation),
      kindOf(change) as ReleasingKind<StoredChange, unknown>,
    )
      .then(() => null)
      .catch((error: unknown) => (error as Error).message)
    await log.close()
    const { current } = (await apps.find(app.id)) ?? app
    const text = await readFile(operationFiles(rig.config, id).log, 'utf8')
    return { did, failure, current, text, operation: await operations.get(id) }
  }

  it('rolls it out and makes it current, and says where the app answers', async () => {
    const app = await rig.app('one')
    const { did, failure, current, text, operation } = await make(app, set({ GREETING: 'hi' }))
    expect({ did, failure, current }).to.deep.equal({ did: ['roll out v3'], failure: null, current: 3 })
    expect(operation.release).to.equal(3)
    expect(await rig.store.releases.get(app.id, 3)).to.deep.include({
      ...{ status: 'succeeded', config: { GREETING: 'hi' }, description: 'Set GREETING config vars' },
    })
    expect(text).to.match(/^-----> Launching\.\.\.\n {7}Released v3\n {7}http:.* deployed to Berth\n$/)
  })

  it('makes none of a change that changes nothing', async () => {
    const app = await rig.app('same')
    await make(app, set({ A: '1', B: '2' }))
    for (const change of [
      { kind: 'config', set: { A: '1' }, unset: ['NOPE'] },
      { kind: 'config', set: {}, unset: ['NOPE', 'constructor'] },
      { kind: 'scale', formation: { web: { quantity: 1 } } },
    ]) {
      const { did, text, operation } = await make(app, change)
      expect([did, operation.release]).to.deep.equal([[], null])
      expect(text).to.equal('       Nothing changes: no release, no restart\n')
    }
    await make(app, { kind: 'config', set: { A: '1', B: '3' }, unset: ['NOPE', 'A_GONE'] })
    expect((await rig.store.releases.get(app.id, 4)).description).to.equal('Set B config vars')
  })

  it('makes none of a push of the tree that runs, and says where it answers', async () => {
    const app = await rig.app('pushed')
    const push = { kind: 'push', commit: 'c'.repeat(40), branch: 'main', tree: 't' }
    const release = await rig.store.releases.get(app.id, 2)
    const { source } = nextRelease(release, 3, push as never, { image: 'sha256:1', processTypes: { web: null } })
    await rig.store.releases.update(app.id, 2, { source })
    const { did, failure, text, operation } = await make(app, push)
    expect([did, failure, operation.release]).to.deep.equal([[], null, null])
    expect(text).to.match(/^ {7}This tree runs already, as v2: .*\n {7}http:\S+ deployed to Berth\n$/)
  })

  it('makes none that is too large, though each change was small enough', async () => {
    const app = await rig.app('full')
    const half = (name: string) => set({ [name]: 'x'.repeat(130_000) })
    expect((await make(app, half('A'))).current).to.equal(3)
    expect((await make(app, half('B'))).current).to.equal(4)
    const third = await make(app, half('C'))
    expect(third).to.deep.include({ current: 4, did: [] })
    expect(third.failure).to.match(/256 KiB altogether at most, and these would be 381 KiB/)
    expect(third.operation.release).to.equal(null)
  })

  it('of an app that was never pushed starts nothing', async () => {
    const app = await rig.store.apps.create('unpushed')
    expect(await make(app, set({ A: '1' }))).to.deep.include({ did: [], failure: null, current: 2 })
  })

  it('takes up what a worker that died had made, whichever write was its last', async () => {
    const app = await rig.app('resumed')
    const numbered = await make(app, set({ A: '1' }), {}, 3)
    expect(numbered, 'the number, but no record').to.deep.include({ did: ['roll out v3'], current: 3 })
    const release: Release = await rig.store.releases.get(app.id, 3)
    await rig.store.releases.put({ ...release, version: 4, status: 'pending', config: { A: 'recorded' } })
    const recorded = await make(app, set({ A: 'not made again' }), {}, 4)
    expect(recorded).to.deep.include({ did: ['roll out v4'], current: 4 })
    expect((await rig.store.releases.get(app.id, 4)).config).to.deep.equal({ A: 'recorded' })
    await rig.store.releases.put({ ...release, version: 5, status: 'pending' })
    const switched = await make(app, set({ A: '5' }), { isRolledOut: (_app, v) => Promise.resolve(v === 5) }, 5)
    expect(switched).to.deep.include({ did: ['refresh route'], current: 5 })
    const same = await make(app, set({ A: '1' }), {}, 6)
    expect(same.operation.release, 'it was begun: that it changes nothing does not count').to.equal(6)
  })

  describe('with a release command', () => {
    const back = { kind: 'rollback', version: 2 }
    /** An app whose next release from a build has a release command: it is begun by hand, for nothing builds here. */
    const built = async (name: string): Promise<App> => {
      const app = await rig.app(name)
      const release = await rig.store.releases.get(app.id, 2)
      const processTypes = { web: null, release: 'migrate' }
      await rig.store.releases.put({ ...release, version: 3, status: 'pending', image: 'sha256:2', processTypes })
      return app
    }
    const push = { kind: 'push', commit: 'a'.repeat(40), branch: 'main' }

    it('runs it once before anything is switched', async () => {
      const { did, text } = await make(await built('migrated'), push, {}, 3)
      expect(did).to.deep.equal(['migrate of v3', 'roll out v3'])
      expect(text).to.match(/^-----> Running release command: migrate\n-----> Launching/)
    })

    it('switches nothing when it fails', async () => {
      const runOnce: Scheduler['runOnce'] = async (_app, _release, _task, { log }) => {
        await log('relation "users" exists')
        return 3
      }
      const { did, failure, current, text } = await make(await built('refused'), push, { runOnce }, 3)
      expect([did, current]).to.deep.equal([[], 2])
      expect(failure).to.equal('the release command ended with exit code 3: nothing was switched')
      expect(text).to.include('       relation "users" exists\n')
    })

    it('runs the scripts of app.json around it, the one that is to run once until it has ended well', async () => {
      const app = await built('scripted')
      const scripts = { before: 'assets', after: 'warm', once: 'seed' }
      await rig.store.releases.update(app.id, 3, { scripts })
      const release = await rig.store.releases.get(app.id, 3)
      let codes: Record<string, number> = { seed: 1 }
      const did: string[] = []
      const scheduler: Partial<Scheduler> = {
        rollOut: (_app, { version }) => Promise.resolve(void did.push(`roll out v${version}`)),
        runOnce: (_app, _release, { name, command }) => {
          did.push(`${name}: ${command}`)
          return Promise.resolve(codes[command ?? ''] ?? 0)
        },
      }
      const first = await make(app, push, scheduler, 3)
      expect(first).to.deep.include({ failure: null, current: 3 })
      expect(did.splice(0)).to.deep.equal([
        ...['predeploy.3: assets', 'release.3: migrate', 'roll out v3', 'postdeploy.3: seed', 'postdeploy.3: warm'],
      ])
      expect(first.text).to.include(
        ' !     the postdeploy script ended with exit code 1: the release runs all the same',
      )
      const again = async (version: number) => {
        await rig.store.releases.put({ ...release, version, status: 'pending' })
        await make(app, push, scheduler, version)
        return did.splice(0).slice(3)
      }
      codes = {}
      expect(await again(4)).to.deep.equal(['postdeploy.4: seed', 'postdeploy.4: warm'])
      codes = { warm: 2 }
      expect(await again(5), 'it has ended well').to.deep.equal(['postdeploy.5: warm'])
      codes = { assets: 2 }
      await rig.store.releases.put({ ...release, version: 6, status: 'pending' })
      expect(await make(app, push, scheduler, 6)).to.deep.include({
        ...{ failure: 'the predeploy script ended with exit code 2: nothing was switched', current: 5 },
      })
      expect(did).to.deep.equal(['predeploy.6: assets'])
    })

    it('runs none for a change that brings no new image', async () => {
      const app = await built('back')
      await rig.store.releases.update(app.id, 3, { status: 'succeeded' })
      const now = await rig.store.apps.update(app.id, { current: 3 })
      expect((await make(now, set({ A: '1' }))).did).to.deep.equal(['roll out v4'])
      const { did, failure } = await make(now, back)
      expect(did).to.deep.equal([])
      expect(failure, 'there is no engine to ask for its image').to.not.equal(null)
    })
  })

  describe('of a push that is to be a canary', () => {
    const canaryPush = { kind: 'push', commit: 'abcdef1', branch: 'main', canary: 10 } as const

    /** An app whose build of that push is there: v3, which its worker has begun to make. */
    const begun = async (name: string): Promise<App> => {
      const app = await rig.app(name)
      const now = await rig.store.releases.get(app.id, 2)
      const built = { image: 'sha256:2', processTypes: { web: null, release: 'migrate' } }
      await rig.store.releases.put(nextRelease(now, 3, canaryPush, built))
      return app
    }

    it('runs its release command, leaves the app its release, and rolls nothing out', async () => {
      const app = await begun('shared')
      const given: string[] = []
      const startCanary: Scheduler['startCanary'] = (_, { version }, { percent, release }) =>
        Promise.resolve(void given.push(`canary v${version} v${release} ${percent} %`))
      const { did, failure, current, text } = await make(app, canaryPush, { startCanary }, 3)
      expect({ did, failure, current, given }).to.deep.equal({
        ...{ did: ['migrate of v3'], failure: null, current: 2, given: ['canary v3 v3 10 %'] },
      })
      expect(text)
        .to.match(/v3 gets 10 %; the rest stays with v2/)
        .and.match(/Released v3 as a canary\n$/)
      expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'succeeded', canary: true })
    })

    it('does nothing twice that a worker has done which died before it was written down', async () => {
      const app = await begun('taken-up')
      await rig.store.apps.update(app.id, { canary: { release: 3, since: 'then', percent: 10 } })
      const { did, failure, current } = await make(app, canaryPush, {}, 3)
      expect({ did, failure, current }).to.deep.equal({ did: [], failure: null, current: 2 })
      expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'succeeded', canary: true })
    })

    it('fails with its release command, and the app has no canary', async () => {
      const app = await begun('unmigrated')
      const { failure, current } = await make(app, canaryPush, { runOnce: () => Promise.resolve(7) }, 3)
      expect([failure, current]).to.deep.equal(['the release command ended with exit code 7: nothing was switched', 2])
      expect(await rig.store.apps.find(app.id)).not.to.have.property('canary')
    })
  })

  it('that ends a canary does so in the step that makes it current', async () => {
    const app = await rig.app('promoted')
    const now = await rig.store.releases.get(app.id, 2)
    await rig.store.releases.put({ ...now, version: 3, image: 'sha256:2', status: 'succeeded', canary: true })
    await rig.store.apps.update(app.id, { canary: { release: 3, since: 'then', percent: 10 } })
    const promotion = nextRelease(now, 4, { kind: 'promote', version: 3 }, await rig.store.releases.get(app.id, 3))
    await rig.store.releases.put(promotion)
    const { did, failure, current } = await make(app, { kind: 'promote', version: 3 }, {}, 4)
    expect({ did, failure, current }).to.deep.equal({
      did: ['roll out v4', 'refresh route'],
      failure: null,
      current: 4,
    })
    expect(await rig.store.apps.find(app.id)).not.to.have.property('canary')
    expect(await rig.store.releases.get(app.id, 4)).not.to.have.property('canary')
  })
})
