import { expect } from 'chai'
import { typescript } from '../run.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Change } from '../../src/changes/index.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { outcome } from '../../src/queue/follow.js'
import { submit } from '../../src/queue/submit.js'
import { startWorker, type OperationWorker } from '../../src/queue/worker.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import { createLog } from '../../src/log.js'
import { queueRig, hooksOf, noLinks, schedulerOf, type QueueRig } from './rig.js'

const set = (name: string, value = '1'): Change => ({ kind: 'config', set: { [name]: value }, unset: [] })
const push = (commit: string): Change => ({ kind: 'push', commit, branch: 'main' })

describe('the worker', function () {
  this.timeout(20_000)
  let rig: QueueRig
  let worker: OperationWorker | null = null
  let rollOut: Scheduler['rollOut']
  beforeEach(async () => {
    rig = await queueRig()
    rollOut = () => Promise.resolve()
  })
  afterEach(async () => {
    await worker?.stop(0)
    worker = null
    await rig[Symbol.asyncDispose]()
  })

  const start = async () => {
    const { config, store } = rig
    const scheduler = schedulerOf((...args) => rollOut(...args))
    worker = await startWorker({
      config,
      hooks: hooksOf(config),
      services: noLinks,
      store,
      engine: connectEngine(config),
      scheduler,
      log: createLog('test', { level: 'silent' }),
    })
  }
  /** A promise and what settles it. */
  const gate = () => {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    return { opened, open }
  }

  it('carries out an app’s changes in order, one at a time, and two apps side by side', async () => {
    const [a, b] = [await rig.app('a'), await rig.app('b')]
    const seen: string[] = []
    const both = gate()
    let running = 0
    rollOut = async (app, release) => {
      running += 1
      seen.push(`${app.name}${String(release.version)}`)
      if (running === 2) both.open() // never resolves if they do not run together
      await both.opened
    }
    await start()
    const operations = await Promise.all(
      [a, a, a, b, b].map((app, index) => submit(rig.store, app, set(`V${String(index)}`))),
    )
    const ends = await Promise.all(operations.map((operation) => outcome(rig.store, operation)))
    expect(ends.map(({ status }) => status)).to.deep.equal(Array(5).fill('succeeded'))
    expect(seen.filter((name) => name.startsWith('a'))).to.deep.equal(['a3', 'a4', 'a5'])
    expect(seen.filter((name) => name.startsWith('b'))).to.deep.equal(['b3', 'b4'])
    expect(Object.keys((await rig.store.releases.get(a.id, 5)).config)).to.have.length(3)
  })

  it('tells waiting pushes of a newer one while it is still busy', async () => {
    const app = await rig.app('busy')
    const { opened, open } = gate()
    rollOut = () => opened
    await start()
    const first = await submit(rig.store, app, set('A'))
    const [older, newer] = [await submit(rig.store, app, push('b')), await submit(rig.store, app, push('c'))]
    expect(await outcome(rig.store, older)).to.include({ status: 'superseded' })
    expect((await rig.store.operations.get(first.id)).finishedAt).to.equal(null)
    open()
    expect(await outcome(rig.store, newer)).to.include({
      status: 'failed',
      failure: 'the pushed source is not there any more',
    })
  })

  it('carries on with what a killed worker left, without a second release', async () => {
    const app = await rig.app('orphan')
    const rolling = new Promise<string>((resolve, reject) => {
      rig.store.notifications.subscribe('test:rolling', resolve).catch(reject)
    })
    const script = fileURLToPath(new URL('worker-child.ts', import.meta.url))
    const child = spawn(process.execPath, [typescript, script], {
      env: { ...process.env, ...rig.config.env },
      stdio: 'inherit',
    })
    const operation = await submit(rig.store, app, set('A'))
    const later = await submit(rig.store, app, set('B'))
    expect(await rolling).to.equal('orphan v3')
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    const seen: number[] = []
    rollOut = (_app, release) => {
      seen.push(release.version)
      return Promise.resolve()
    }
    await start()
    expect(await outcome(rig.store, operation)).to.include({ status: 'succeeded', release: 3 })
    expect(await outcome(rig.store, later)).to.include({ status: 'succeeded', release: 4 })
    expect(seen).to.deep.equal([3, 4])
    expect((await rig.store.releases.list(app.id)).map(({ version }) => version)).to.deep.equal([4, 3, 2, 1])
  })

  it('stopped in the middle of a deploy leaves it to the next', async () => {
    const app = await rig.app('patient')
    const { opened, open } = gate()
    rollOut = (_app, _release, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('interrupted')))
        open()
      })
    await start()
    const operation = await submit(rig.store, app, set('A'))
    await opened
    await worker?.stop(0)
    worker = null
    expect(await rig.store.operations.get(operation.id)).to.include({ status: 'releasing', release: 3 })
    rollOut = () => Promise.resolve()
  })
})
