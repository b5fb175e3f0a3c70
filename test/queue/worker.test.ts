import { expect } from 'chai'
import { typescript } from '../run.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Change } from '../../src/changes/index.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { BerthError } from '../../src/errors.js'
import { operationFiles, operationsDirectory } from '../../src/builds/files.js'
import { followLog, outcome } from '../../src/queue/follow.js'
import { submit } from '../../src/queue/submit.js'
import { startWorker, type OperationWorker } from '../../src/queue/worker.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { createLog } from '../../src/log.js'
import { queueRig, schedulerOf, type QueueRig } from './rig.js'

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
      store,
      engine: connectEngine(config),
      scheduler,
      log: createLog('test', { level: 'silent' }),
    })
  }
  const end = async (app: App, change: Change) => outcome(rig.store, await submit(rig.store, app, change))
  const expectMissing = async (promise: Promise<unknown>, words: RegExp): Promise<void> => {
    const error = await promise.then(
      () => new Error('it is there'),
      (thrown: unknown) => thrown as Error,
    )
    expect(error.message).to.match(words)
  }
  /** A promise and what settles it. */
  const gate = () => {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    return { opened, open }
  }

  it('makes a release of a change and sets it current', async () => {
    const app = await rig.app('one')
    await start()
    const deploy = await end(app, set('GREETING', 'hi'))
    expect(deploy).to.include({ status: 'succeeded', release: 3, failure: null })
    const release = await rig.store.releases.get(app.id, 3)
    expect(release).to.deep.include({
      status: 'succeeded',
      config: { GREETING: 'hi' },
      description: 'Set GREETING config vars',
    })
    expect((await rig.store.apps.get('one')).current).to.equal(3)
    expect(await rig.store.operations.pending(app.id)).to.deep.equal([])
  })

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
    const deploys = await Promise.all(
      [a, a, a, b, b].map((app, index) => submit(rig.store, app, set(`V${String(index)}`))),
    )
    const ends = await Promise.all(deploys.map((deploy) => outcome(rig.store, deploy)))
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

  it('fails a push that another one, not in it, has overtaken', async () => {
    const app = await rig.app('stale')
    const landed = await rig.store.operations.create(app.id, push('aaaaaaaaa'))
    await rig.store.operations.update(landed.id, { status: 'succeeded' })
    await start()
    const deploy = await end(app, { kind: 'push', commit: 'b', branch: 'main', unless: [landed.id] })
    expect(deploy.failure).to.match(/another push \(aaaaaaa\) landed/)
  })

  it('leaves the app as it was when a roll-out fails, and says why in the log', async () => {
    const app = await rig.app('sick')
    rollOut = (_app, _release, { log }) => {
      log('starting web.1')
      return Promise.reject(new BerthError('invalid', 'web.1 crashed\nlast line', 'look at it'))
    }
    await start()
    const deploy = await end(app, set('A', 'b'))
    expect(deploy).to.include({ status: 'failed', failure: 'web.1 crashed', release: 3 })
    expect((await rig.store.apps.get('sick')).current).to.equal(2)
    expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'failed' })
    const log = await readFile(operationFiles(rig.config, deploy.id).log, 'utf8')
    expect(log).to.equal(
      '-----> Launching...\n       starting web.1\n !     web.1 crashed\n !     last line\n !     look at it\n',
    )
  })

  it('keeps secrets out of the log', async () => {
    const app = await rig.app('discreet')
    rollOut = (_app, release, { log }) => {
      log(`connecting with ${String(release.config.API_TOKEN)} as ${String(release.config.NAME)}`)
      return Promise.resolve()
    }
    await start()
    const change: Change = { kind: 'config', set: { API_TOKEN: 'hunter2hunter2', NAME: 'production' }, unset: [] }
    const { id } = await end(app, change)
    const log = await readFile(operationFiles(rig.config, id).log, 'utf8')
    expect(log).to.include('connecting with [secret] as production')
  })

  it('makes no release of a change that changes nothing, and tells of what does', async () => {
    const app = await rig.app('same')
    let rolled = 0
    rollOut = () => {
      rolled += 1
      return Promise.resolve()
    }
    await start()
    await end(app, { kind: 'config', set: { A: '1', B: '2' }, unset: [] })
    expect(rolled).to.equal(1)
    for (const change of [
      { kind: 'config', set: { A: '1' }, unset: ['NOPE'] },
      { kind: 'config', set: {}, unset: ['NOPE', 'constructor'] },
      { kind: 'scale', formation: { web: { quantity: 1 } } },
    ] as const) {
      const deploy = await end(app, change)
      expect(deploy).to.include({ status: 'succeeded', release: null })
      const log = await readFile(operationFiles(rig.config, deploy.id).log, 'utf8')
      expect(log).to.equal('       Nothing changes: no release, no restart\n')
    }
    expect(rolled).to.equal(1)
    await end(app, { kind: 'config', set: { A: '1', B: '3' }, unset: ['NOPE', 'A_GONE'] })
    expect((await rig.store.releases.get(app.id, 4)).description).to.equal('Set B config vars')
    expect((await rig.store.apps.find(app.id))?.current).to.equal(4)
  })

  it('refuses config vars that are too large together, though each change was small enough', async () => {
    const app = await rig.app('full')
    await start()
    const half = (name: string): Change => ({ kind: 'config', set: { [name]: 'x'.repeat(130_000) }, unset: [] })
    const deploys = await Promise.all(['A', 'B', 'C'].map((name) => submit(rig.store, app, half(name))))
    const ends = await Promise.all(deploys.map((deploy) => outcome(rig.store, deploy)))
    expect(ends.map(({ status }) => status)).to.deep.equal(['succeeded', 'succeeded', 'failed'])
    expect(ends[2]?.failure).to.match(/256 KiB altogether at most, and these would be 381 KiB/)
  })

  it('keeps the last hundred deploys and releases of an app, and the logs of those', async () => {
    const app = await rig.app('old')
    const value = (n: number): string => String(n).padEnd(100_000, 'x')
    const { store, config } = rig
    const release = await store.releases.get(app.id, 2)
    for (let version = 3; version < 120; version += 1) {
      await store.releases.put({ ...release, version, config: { BIG: value(version) } })
      const { id } = await store.operations.create(app.id, set('BIG', value(version)))
      await store.operations.update(id, { status: 'succeeded', release: version })
      await mkdir(operationsDirectory(config), { recursive: true })
      await writeFile(operationFiles(config, id).log, 'Launching...')
    }
    await store.apps.update(app.id, { current: 60 })
    const first = (await store.operations.list(app.id)).at(-1)
    await start()
    expect(await end(app, set('BIG', value(1)))).to.include({ status: 'succeeded', release: 120 })
    // it is tidied up after when it is over
    while ((await store.releases.count(app.id)) > 100) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await store.operations.list(app.id)).to.have.length(100)
    await expectMissing(store.releases.get(app.id, 3), /^v3 is kept no more: of each app, the last 100 releases are$/)
    expect((await store.releases.get(app.id, 120)).config.BIG).to.equal(value(1))
    await expectMissing(readFile(operationFiles(config, first?.id ?? '').log), /ENOENT/)
    expect((await readdir(operationsDirectory(config))).filter((name) => name.endsWith('.log'))).to.have.length(100)
    const [, used = '0'] = /used_memory:(\d+)/.exec(await store.redis.info('memory')) ?? []
    expect(Number(used), '118 changes of 100 kB').to.be.lessThan(20 * 2 ** 20)
  })

  it('restarts without a new release', async () => {
    const app = await rig.app('again')
    await start()
    expect(await end(app, { kind: 'restart', process: null })).to.include({ status: 'succeeded', release: null })
    expect(await rig.store.releases.list(app.id)).to.have.length(2)
  })

  it('lets a log be followed as it is written, from anywhere, to its end', async () => {
    const app = await rig.app('logged')
    const { opened, open } = gate()
    rollOut = async (_app, _release, { log }) => {
      log('ünfinished')
      await opened
      log('finished')
    }
    await start()
    const { id } = await submit(rig.store, app, set('A'))
    let all = ''
    for await (const { text } of followLog(rig.config, rig.store, id)) {
      all += text
      if (text.includes('ünfinished')) open()
    }
    expect(all).to.match(/ünfinished\n {7}finished\n {7}Released v3\n.*deployed to Berth\n$/)
    let rest = ''
    const from = Buffer.byteLength(all.slice(0, all.indexOf('finished\n       Rel')))
    for await (const { text } of followLog(rig.config, rig.store, id, { from })) rest += text
    expect(rest).to.match(/^finished\n {7}Released v3\n/)
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
    const deploy = await submit(rig.store, app, set('A'))
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
    expect(await outcome(rig.store, deploy)).to.include({ status: 'succeeded', release: 3 })
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
    const deploy = await submit(rig.store, app, set('A'))
    await opened
    await worker?.stop(0)
    worker = null
    expect(await rig.store.operations.get(deploy.id)).to.include({ status: 'releasing', release: 3 })
    rollOut = () => Promise.resolve()
  })
})
