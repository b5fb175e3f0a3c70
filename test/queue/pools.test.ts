import { expect } from 'chai'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { listenOn } from '../../src/api/listen.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { operationFiles, operationsDirectory } from '../../src/builds/files.js'
import { outcome } from '../../src/queue/follow.js'
import { submit } from '../../src/queue/submit.js'
import { startWorker, type OperationWorker } from '../../src/queue/worker.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { newOperationId, type Operation } from '../../src/store/operations.js'
import { createLog } from '../../src/log.js'
import { queueRig, hooksOf, noLinks, schedulerOf, type QueueRig } from './rig.js'

/** An engine whose builds end when they are told to; `building` are those that have begun. */
interface Engine {
  readonly server: Server
  readonly building: ServerResponse[]
  readonly ended: string[]
}

function engineOf(): Engine {
  const building: ServerResponse[] = []
  const ended: string[] = []
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (request.url?.startsWith('/build') === true) {
      // an engine builds when it has the context; hung up on before, its client would take it for one that went away
      request.once('end', () => {
        response.flushHeaders()
        building.push(response)
        response.once('close', () => ended.push('build'))
      })
    } else response.end(request.url?.includes('/json?') === true ? '[]' : '{"Id":"sha256:0","Config":{}}')
  })
  return { server, building, ended }
}

const until = async (true_: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await true_())) await delay(5)
}

describe('builds and other changes', function () {
  this.timeout(20_000)
  let rig: QueueRig
  let worker: OperationWorker | null = null
  let engine: Engine
  let scheduler: Scheduler

  const start = async (limits: Partial<QueueRig['config']['limits']> = {}, builds = 2): Promise<void> => {
    const config = { ...rig.config, builds, limits: { ...rig.config.limits, ...limits } }
    const engine = connectEngine(config)
    worker = await startWorker({
      config,
      hooks: hooksOf(config),
      services: noLinks,
      store: rig.store,
      engine,
      scheduler,
      log: createLog('test', { level: 'silent' }),
    })
  }
  beforeEach(async () => {
    rig = await queueRig()
    engine = engineOf()
    await listenOn(engine.server, rig.config.engineSocket)
    scheduler = schedulerOf(() => Promise.resolve())
  })
  afterEach(async () => {
    engine.server.close(() => undefined).closeAllConnections()
    await worker?.stop(0)
    worker = null
    await rig[Symbol.asyncDispose]()
  })

  const push = async (app: App, procfile = 'web: /web\n'): Promise<Operation> => {
    const id = newOperationId()
    const { source } = operationFiles(rig.config, id)
    await mkdir(source, { recursive: true })
    await writeFile(join(source, 'Dockerfile'), 'FROM scratch\n')
    await writeFile(join(source, 'Procfile'), procfile)
    return submit(rig.store, app, { kind: 'push', commit: 'a'.repeat(40), branch: 'main' }, { id })
  }
  const logOf = ({ id }: Operation): Promise<string> =>
    readFile(operationFiles(rig.config, id).log, 'utf8').catch(() => '')
  const begun = (count: number): Promise<void> => until(() => engine.building.length === count)

  it('do not wait for each other: with every build hung, restarts, config and destruction go on', async () => {
    const apps = await Promise.all(['a', 'b', 'c', 'd'].map((name) => rig.app(name)))
    await start()
    const [first, second] = [await push(apps[0] as App), await push(apps[1] as App)]
    await begun(2)
    const third = await push(apps[2] as App)
    await until(async () => (await logOf(third)).includes('Waiting for 2 builds ahead'))
    const other = apps[3] as App
    for (const change of [
      { kind: 'restart', process: null },
      { kind: 'config', set: { A: 'b' }, unset: [] },
      { kind: 'destroy' },
    ] as const)
      expect(await outcome(rig.store, await submit(rig.store, other, change))).to.include({ status: 'succeeded' })
    expect((await rig.store.operations.get(first.id)).status).to.equal('building')

    const fourth = await push(await rig.app('e'))
    await until(async () => (await logOf(fourth)).includes('Waiting for 3 builds ahead'))
    engine.building[1]?.end()
    expect((await outcome(rig.store, second)).status).to.equal('succeeded')
    await begun(3)
    await until(async () => (await logOf(fourth)).includes('Waiting for 2 builds ahead'))
    expect(await logOf(fourth)).to.match(/3 builds ahead\n-----> Waiting for 2 builds ahead\n$/)
    for (const build of engine.building) build.end()
    await begun(4)
    engine.building[3]?.end()
    expect((await outcome(rig.store, fourth)).status).to.equal('succeeded')
  })

  it('wait for memory: what the engine says that one took counts for the next of its app', async () => {
    const [a, b] = [await rig.app('a'), await rig.app('b')]
    await start()
    // nothing is known of the first of each: both go on
    const first = [await push(a), await push(b)]
    await begun(2)
    const Memory = Math.floor(totalmem() * 0.6)
    for (const build of engine.building) build.end(`${JSON.stringify({ aux: { ID: 'sha256:0', Memory } })}\n`)
    for (const one of first) expect((await outcome(rig.store, one)).status).to.equal('succeeded')
    expect((await rig.store.apps.get('a')).buildMemory).to.equal(Memory)
    const next = await push(await rig.store.apps.get('a'))
    await begun(3)
    const waiting = await push(await rig.store.apps.get('b'))
    await until(async () => (await logOf(waiting)).includes('Waiting for 1 build ahead'))
    expect(engine.building).to.have.length(3)
    engine.building[2]?.end()
    expect((await outcome(rig.store, next)).status).to.equal('succeeded')
    await begun(4)
    engine.building[3]?.end()
    expect((await outcome(rig.store, waiting)).status).to.equal('succeeded')
  })

  it('end when they take too long, and say how long that is', async () => {
    const app = await rig.app('slow')
    await start({ build: 200 })
    const end = await outcome(rig.store, await push(app))
    expect(end).to.include({ status: 'failed', failure: 'the build took longer than 1 second and was ended' })
    expect(await logOf(end)).to.include('BERTH_BUILD_LIMIT')
    await until(() => engine.ended.length === 1)
    expect((await rig.store.apps.get('slow')).current).to.equal(2)
  })

  it('end release commands that take too long, heeding or not', async () => {
    const app = await rig.app('migrating')
    let aborted = false
    scheduler = {
      ...scheduler,
      runOnce: (_app, _release, _task, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true
            reject(new Error('killed'))
          })
        }),
    }
    await start({ release: 100 })
    const operation = await push(app, 'web: /web\nrelease: /migrate\n')
    await begun(1)
    engine.building[0]?.end()
    const end = await outcome(rig.store, operation)
    expect(end.failure).to.match(/^the release command took longer than/)
    expect(aborted).to.equal(true)
    expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'failed' })
  })

  it('are cancelled while they wait, build and release, once or twice, and leave no file', async () => {
    const [a, b] = [await rig.app('a'), await rig.app('b')]
    let rolling = 0
    scheduler = {
      ...scheduler,
      rollOut: (_app, _release, { signal }) =>
        new Promise((_resolve, reject) => {
          rolling += 1
          signal.addEventListener('abort', () => reject(new Error('interrupted')))
        }),
    }
    await start({}, 1)
    const cancel = async (operation: Operation): Promise<void> => {
      await rig.store.operations.cancel(operation.id, 'ada')
      await rig.store.operations.cancel(operation.id, 'bob')
      const end = await outcome(rig.store, operation)
      expect(end).to.include({ status: 'cancelled', failure: 'cancelled by ada' })
      expect(await rig.store.operations.cancel(operation.id, 'bob')).to.deep.equal(end)
      expect(await logOf(operation)).to.include(' !     cancelled by ada\n')
    }
    const building = await push(a)
    await begun(1)
    const waiting = await push(b)
    await until(async () => (await logOf(waiting)).includes('Waiting for 1 build ahead'))
    await cancel(waiting)
    const behind = await submit(rig.store, a, { kind: 'restart', process: null })
    await until(async () =>
      (await logOf(behind)).includes('Waiting for the build of aaaaaaa to end; `berth builds:cancel`'),
    )
    const queued = await push(a)
    await cancel(queued)
    await cancel(building)
    await until(() => engine.ended.length === 1)
    expect((await outcome(rig.store, behind)).status).to.equal('succeeded')

    const releasing = await push(a)
    await begun(2)
    engine.building[1]?.end()
    await until(() => rolling === 1)
    await cancel(releasing)
    const { release } = await rig.store.operations.get(releasing.id)
    expect(await rig.store.releases.get(a.id, release ?? 0)).to.include({ status: 'failed' })
    expect((await rig.store.apps.get('a')).current).to.equal(2)
    await until(async () => (await readdir(operationsDirectory(rig.config))).every((name) => !name.includes('.src')))
  })

  it('make way for the destruction of their app', async () => {
    const app = await rig.app('doomed')
    await start()
    const building = await push(app)
    await begun(1)
    const destroy = await submit(rig.store, app, { kind: 'destroy' })
    const again = await submit(rig.store, app, { kind: 'destroy' })
    expect((await outcome(rig.store, destroy)).status).to.equal('succeeded')
    expect((await outcome(rig.store, again)).status).to.equal('succeeded')
    await until(() => engine.ended.length === 1)
    expect(await rig.store.apps.find(app.id)).to.equal(null)
    expect((await readdir(operationsDirectory(rig.config))).filter((name) => name.includes(building.id))).to.deep.equal(
      [],
    )
  })

  it('that were cancelled when a dead worker had switched to their release are written down as done', async () => {
    const app = await rig.app('switched')
    const operation = await submit(rig.store, app, { kind: 'push', commit: 'b', branch: 'main' })
    await rig.store.operations.update(operation.id, { status: 'releasing', release: 3 })
    await rig.store.releases.put({ ...(await rig.store.releases.get(app.id, 2)), version: 3, status: 'pending' })
    await rig.store.operations.cancel(operation.id, 'ada')
    const refused = () => Promise.reject(new Error('rolled out twice'))
    scheduler = { ...scheduler, rollOut: refused, runOnce: refused, isRolledOut: (_app, v) => Promise.resolve(v === 3) }
    await start()
    expect(await outcome(rig.store, operation)).to.include({ status: 'succeeded', release: 3 })
    expect(await rig.store.releases.get(app.id, 3)).to.include({ status: 'succeeded' })
    expect((await rig.store.apps.get('switched')).current).to.equal(3)
  })

  it('that were cancelled while no worker ran are ended by the next', async () => {
    const app = await rig.app('late')
    const operation = await push(app)
    const begunBefore = await submit(rig.store, await rig.app('begun'), { kind: 'push', commit: 'b', branch: 'main' })
    await rig.store.operations.update(begunBefore.id, { status: 'releasing', release: 3 })
    for (const { id } of [operation, begunBefore]) await rig.store.operations.cancel(id, 'ada')
    await start()
    expect((await outcome(rig.store, operation)).status).to.equal('cancelled')
    expect((await outcome(rig.store, begunBefore)).status).to.equal('cancelled')
  })
})
