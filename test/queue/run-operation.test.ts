import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { operationFiles } from '../../src/builds/files.js'
import { BerthError } from '../../src/errors.js'
import { runOperation } from '../../src/queue/run-operation.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { Operation, StoredChange } from '../../src/store/operations.js'
import { depsOf, queueRig, schedulerOf, type QueueRig } from './rig.js'

describe('an operation', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const config = (set: Record<string, string>): StoredChange => ({ kind: 'config', set, unset: [] })
  const never = new AbortController().signal

  /** Runs a change to its end; how it ended, and its log. */
  const run = async (
    app: App,
    change: StoredChange,
    {
      scheduler = {},
      stopping = never,
      cancel = never,
      status,
    }: Partial<{
      scheduler: Partial<Scheduler>
      stopping: AbortSignal
      cancel: AbortSignal
      status: Operation['status']
    }> = {},
  ): Promise<Operation & { log: string }> => {
    const { operations } = rig.store
    const { id } = await operations.create(app.id, change)
    const operation = status === undefined ? await operations.get(id) : await operations.update(id, { status })
    const deps = depsOf(rig, { scheduler: { ...schedulerOf(() => Promise.resolve()), ...scheduler } })
    await runOperation(deps, operation, { stopping, cancel })
    return { ...(await operations.get(id)), log: await readFile(operationFiles(rig.config, id).log, 'utf8') }
  }

  it('that fails leaves the app as it was, and says why in its log', async () => {
    const app = await rig.app('sick')
    const rollOut: Scheduler['rollOut'] = (_app, _release, { log }) => {
      log('starting web.1')
      return Promise.reject(new BerthError('invalid', 'web.1 crashed\nlast line', 'look at it'))
    }
    const end = await run(app, config({ A: 'b' }), { scheduler: { rollOut } })
    expect(end).to.include({ status: 'failed', failure: 'web.1 crashed', release: 3 })
    expect((await rig.store.apps.get('sick')).current).to.equal(2)
    expect(await rig.store.releases.get(app.id, 3)).to.include({
      status: 'failed',
      failure: 'web.1 crashed\nlast line',
    })
    expect(end.log).to.equal(
      '-----> Launching...\n       starting web.1\n !     web.1 crashed\n !     last line\n !     look at it\n',
    )
  })

  it('keeps secrets out of its log, those that it sets too', async () => {
    const app = await rig.app('discreet')
    const rollOut: Scheduler['rollOut'] = (_app, { config: vars }, { log }) => {
      log(`connecting with ${String(vars.API_TOKEN)} as ${String(vars.NAME)}`)
      return Promise.resolve()
    }
    const set = config({ API_TOKEN: 'hunter2hunter2', NAME: 'production' })
    expect((await run(app, set, { scheduler: { rollOut } })).log).to.include('connecting with [secret] as production')
  })

  it('that makes no release makes none', async () => {
    const app = await rig.app('again')
    const restarted: (string | null)[] = []
    const restart: Scheduler['restart'] = (_app, _release, process) => Promise.resolve(void restarted.push(process))
    const end = await run(app, { kind: 'restart', process: 'web.1' }, { scheduler: { restart } })
    expect(end).to.include({ status: 'succeeded', release: null })
    expect(restarted).to.deep.equal(['web.1'])
    expect(await rig.store.releases.list(app.id)).to.have.length(2)
  })

  it('that a newer Berth recorded, or that is damaged, is not half done', async () => {
    const app = await rig.app('odd')
    const refused = () => Promise.reject(new Error('something was done'))
    const scheduler = { rollOut: refused, restart: refused, remove: refused, refreshRoute: refused }
    for (const [change, failure] of [
      [{ kind: 'lock' }, 'this Berth knows no change of kind "lock"'],
      [{ kind: '__proto__' }, 'this Berth knows no change of kind "__proto__"'],
      [{ kind: 'restart', process: 7 }, /^the record of change .* is damaged$/],
      [{ kind: 'config', set: null, unset: [] }, /^the record of change .* is damaged$/],
    ] as const) {
      const end = await run(app, change, { scheduler })
      expect(end.status).to.equal('failed')
      expect(end.failure).to.match(typeof failure === 'string' ? new RegExp(`^${failure}$`) : failure)
    }
    expect(await rig.store.apps.get('odd')).to.deep.equal(app)
  })

  it('that is interrupted stays pending, and says that it is resumed by the next worker', async () => {
    const app = await rig.app('patient')
    const stop = new AbortController()
    const rollOut: Scheduler['rollOut'] = () => {
      stop.abort()
      return Promise.reject(new Error('interrupted'))
    }
    const told = await run(app, config({ A: '1' }), { scheduler: { rollOut }, stopping: stop.signal }).catch(
      (error: unknown) => (error as Error).message,
    )
    expect(told).to.equal('interrupted')
    const [pending] = await rig.store.operations.pending(app.id)
    expect(pending).to.include({ status: 'releasing', release: 3 })
    expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'pending' })
    const { log } = await run(app, { kind: 'restart', process: null }, { status: 'releasing' })
    expect(log).to.match(/^-----> Resuming after an interruption\n/)
  })

  it('that is cancelled says by whom, and its release is none', async () => {
    const app = await rig.app('cancelled')
    const cancel = new AbortController()
    const rollOut: Scheduler['rollOut'] = () => {
      cancel.abort(new BerthError('conflict', 'cancelled by ada'))
      return Promise.reject(new Error('something that broke off'))
    }
    const end = await run(app, config({ A: '1' }), { scheduler: { rollOut }, cancel: cancel.signal })
    expect(end).to.include({ status: 'cancelled', failure: 'cancelled by ada' })
    expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'failed' })
    expect((await rig.store.apps.get('cancelled')).current).to.equal(2)
  })

  it('of an app that is no more ends, and what is left of the app goes', async () => {
    const app = await rig.app('orphan')
    const { operations, redis } = rig.store
    const operation = await operations.create(app.id, { kind: 'restart', process: null })
    await redis.hdel('apps', app.id)
    await runOperation(depsOf(rig), operation, { stopping: never, cancel: never })
    expect(await operations.pending(app.id)).to.deep.equal([])
    expect(await redis.exists(`releases:${app.id}`, `deploys:${app.id}`)).to.equal(0)
  })
})
