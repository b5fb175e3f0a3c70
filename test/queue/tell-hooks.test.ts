import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { operationFiles } from '../../src/builds/files.js'
import { BerthError } from '../../src/errors.js'
import { Hooks } from '../../src/plugins/hooks.js'
import type { HookCall } from '../../src/plugins/public.js'
import { runOperation } from '../../src/queue/run-operation.js'
import type { StoredChange } from '../../src/store/operations.js'
import { depsOf, queueRig, type QueueRig } from './rig.js'

describe('hooks of operations', () => {
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  /** Runs a change; whom it told of what, and how it ended. `refuse` is an event that is refused. */
  const run = async (name: string, change: StoredChange, refuse = '') => {
    const app = await rig.app(name)
    const calls: HookCall[] = []
    const call = (one: HookCall): Promise<void> => {
      calls.push(one)
      return `${one.when} ${one.event}` === refuse
        ? Promise.reject(new BerthError('denied', 'not now', 'wait until Monday'))
        : Promise.resolve()
    }
    const running = () => Promise.resolve([{ name: 'gate', instance: { call } }] as never)
    const hooks = new Hooks({ root: rig.config.root, plugins: { running } })
    const { id } = await rig.store.operations.create(app.id, change)
    const never = new AbortController().signal
    await runOperation(depsOf(rig, { hooks }), await rig.store.operations.get(id), { stopping: never, cancel: never })
    const log = await readFile(operationFiles(rig.config, id).log, 'utf8').catch(() => '')
    const told = calls.map(({ when, event, release, status }) => `${when} ${event} ${release ?? '-'} ${status ?? '-'}`)
    const operation = await rig.store.operations.get(id).catch(() => null)
    return { calls, told, log, operation, app: await rig.store.apps.find(app.id) }
  }

  it('are told of each step, with names of config vars and no value', async () => {
    const { told, calls } = await run('a', { kind: 'config', set: { API_TOKEN: 'hunter2' }, unset: ['B'] })
    expect(told).to.deep.equal([
      'before config - -',
      'before release 3 -',
      'before deploy 3 -',
      'after deploy 3 succeeded',
      'after release 3 succeeded',
      'after config 3 succeeded',
    ])
    expect(calls[0]?.details).to.deep.equal({ change: 'config', set: ['API_TOKEN'], unset: ['B'] })
    expect(JSON.stringify(calls)).not.to.include('hunter2')
  })

  for (const [event, told] of [
    ['before config', ['before config - -', 'after config - failed']],
    ['before release', ['before config - -', 'before release 3 -', 'after config - failed']],
    ['before deploy', ['before config - -', 'before release 3 -', 'before deploy 3 -', 'after config 3 failed']],
  ] as const)
    it(`may refuse ${event}: whoever waits is told why, and the app stays as it is`, async () => {
      const name = event.replace(' ', '-')
      const end = await run(name, { kind: 'config', set: { A: 'b' }, unset: [] }, event)
      expect(end.told).to.deep.equal(told)
      expect(end.operation).to.include({
        status: 'failed',
        failure: `the plugin gate refuses this ${event.slice(7)}: not now`,
      })
      expect(end.log).to.include(
        ` !     the plugin gate refuses this ${event.slice(7)}: not now\n !     wait until Monday\n`,
      )
      expect(end.app?.current).to.equal(2)
    })

  it('keep an app from being destroyed', async () => {
    const kept = await run('kept', { kind: 'destroy' }, 'before destroy')
    expect(kept.app?.name).to.equal('kept')
    const gone = await run('gone', { kind: 'destroy' })
    expect(gone.app).to.equal(null)
    expect(gone.told).to.deep.equal(['before destroy - -', 'after destroy - succeeded'])
  })
})
