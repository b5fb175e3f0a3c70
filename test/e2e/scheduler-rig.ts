import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { label, loadConfig, type Config } from '../../src/config.js'
import { connectEngine, type EngineClient } from '../../src/engine-client/client.js'
import { createScheduler } from '../../src/scheduler/local.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease, type Release } from '../../src/store/releases.js'
import { openStore, type Store } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'
import { perlServer, until, type Reply, type SchedulerGround } from '../scheduler/describe-scheduler.js'
import { Wire } from './scheduler-wire.js'
import { freePort, poolByte } from '../free.js'
import { typescript } from '../run.js'

export const image = 'debian:bookworm-slim'

/** A store, a router and a scheduler on an engine: the platform without its builder. */
export interface Rig extends AsyncDisposable {
  readonly config: Config
  /** Reaches the engine even when `wire` is cut. */
  readonly docker: Docker
  /** As `docker`: the platform's own client. */
  readonly engine: EngineClient
  /** What the scheduler reaches the engine by. */
  readonly wire: Wire
  readonly store: Store
  readonly image: string
  /** What the platform logged, for a test that fails. */
  readonly lines: string[]
  scheduler(): Scheduler
  app(name: string): Promise<App>
  /** Writes the next release: the last one with a patch. */
  release(app: App, patch: Partial<Release>): Promise<Release>
  /** Rolls out and, when it worked, makes it current, as the worker does. Answers with what was logged. */
  deploy(scheduler: Scheduler, app: App, release: Release): Promise<string[]>
  get(app: App, path?: string): Promise<Reply>
  /** The app's containers, running ones first. */
  containers(app: App): Promise<Docker.ContainerInfo[]>
}

/** An engine to test on: the one at BERTH_ENGINE, or Berth's own, started for the test. */
export interface EngineForTests extends AsyncDisposable {
  readonly socket: string
}

export async function engineForTests(): Promise<EngineForTests> {
  const given = process.env.BERTH_ENGINE
  if (given !== undefined && given !== '') return { socket: given, [Symbol.asyncDispose]: () => Promise.resolve() }
  const dir = await mkdtemp(join(tmpdir(), 'berth-engine-'))
  const socket = join(dir, 'engine.sock')
  const main = fileURLToPath(new URL('../../src/engine/main.ts', import.meta.url))
  const place = ['--root', join(dir, 'root'), '--run', join(dir, 'run'), '--socket', socket]
  const name = ['--name', `e${randomBytes(3).toString('hex')}`, '--pool', `10.${String(poolByte())}.0.0/16`]
  const cache = ['--cache', process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')]
  const args = [typescript, main, ...place, ...name, ...cache]
  const engine = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const docker = new Docker({ socketPath: socket })
  const dispose = async () => {
    await end(engine)
    await once(spawn(process.execPath, [...args, '--destroy'], { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await until('the engine', () => docker.ping().catch(() => null))
    const pull = await docker.pull(image)
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(pull, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    await dispose()
    throw error
  }
  return { socket, [Symbol.asyncDispose]: dispose }
}

async function startRedis(config: Config): Promise<ChildProcess> {
  await mkdir(join(config.run, 'redis'), { recursive: true })
  const args = ['--port', '0', '--unixsocket', config.redisSocket, '--save', '', '--dir', config.run]
  return spawn('redis-server', args, { stdio: 'ignore' })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

export function startRouter(config: Config): ChildProcess {
  const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))
  return spawn(process.execPath, [typescript, main], {
    env: { ...process.env, ...config.env, BERTH_LOG: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

export async function openRig(engineSocket: string): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-scheduler-'))
  const config = loadConfig({
    BERTH_ROOT: join(dir, 'root'),
    BERTH_RUN: join(dir, 'run'),
    BERTH_NAME: `s${randomBytes(3).toString('hex')}`,
    BERTH_HTTP_PORT: String(await freePort()),
    BERTH_ENGINE: join(dir, 'engine.sock'),
  })
  await mkdir(config.root, { recursive: true })
  const docker = new Docker({ socketPath: engineSocket })
  const wire = new Wire(config.engineSocket, engineSocket)
  await wire.join()
  const id = (await docker.getImage(image).inspect()).Id
  const children = [await startRedis(config), startRouter(config)]
  const store = await openStore(config)
  const schedulers: Scheduler[] = []
  const lines: string[] = []
  const log = createLog('test', { level: 'debug', write: (line) => void lines.push(line) })

  const reachable = () =>
    new Promise<Reply | null>((resolve) => {
      get('nobody').then(resolve, () => resolve(null))
    })
  const get = (name: string, path = '/') =>
    new Promise<Reply>((resolve, reject) => {
      const headers = { host: config.appHost(name) }
      const asked = request({ port: config.httpPort, path, headers, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end()
    })
  await until('the router', reachable)

  const containers = async (app: App) => {
    const filters = { label: [`${label.app}=${app.id}`] }
    const all = await docker.listContainers({ all: true, filters })
    return all.sort((a, b) => Number(b.State === 'running') - Number(a.State === 'running'))
  }

  return {
    config,
    docker,
    engine: connectEngine({ engineSocket }),
    wire,
    store,
    image: id,
    lines,
    containers,
    scheduler() {
      const scheduler = createScheduler({
        config,
        store,
        engine: connectEngine(config),
        log,
        limits: {
          start: 6_000,
          loopback: 1_000,
          settle: 500,
          acknowledge: 3_000,
          drain: 8_000,
          grace: 3,
          resync: 2_000,
        },
      })
      schedulers.push(scheduler)
      return scheduler
    },
    async app(name) {
      const app = await store.apps.create(name)
      await store.releases.put(firstRelease(app.id))
      return store.apps.update(app.id, { current: 1 })
    },
    async release(app, patch) {
      const [last] = await store.releases.list(app.id)
      const version = await store.releases.nextVersion(app.id)
      const base = {
        ...(last ?? firstRelease(app.id)),
        image: id,
        processTypes: { web: 'perl -e "$CODE"' },
        // by the mark, its processes are not those of the release before
        config: { CODE: perlServer, WORD: 'hello', MARK: randomBytes(4).toString('hex') },
      }
      const release: Release = { ...base, ...patch, version, status: 'pending' }
      await store.releases.put(release)
      return release
    },
    async deploy(scheduler, app, release) {
      const told: string[] = []
      const current = await store.apps.get(app.name)
      try {
        await scheduler.rollOut(current, release, {
          log: (line) => told.push(line),
          signal: AbortSignal.timeout(60_000),
        })
      } catch (error) {
        await store.releases.put({ ...release, status: 'failed' })
        throw Object.assign(error as Error, { told })
      }
      await store.releases.put({ ...release, status: 'succeeded' })
      await store.apps.update(app.id, { current: release.version })
      return told
    },
    get: (app, path) => get(app.name, path),
    async [Symbol.asyncDispose]() {
      for (const scheduler of schedulers) await scheduler.stop()
      const labels = { label: [`${label.instance}=${config.name}`] }
      const left = await docker.listContainers({ all: true, filters: labels })
      await Promise.all(
        left.map((one) =>
          docker
            .getContainer(one.Id)
            .remove({ force: true })
            .catch(() => undefined),
        ),
      )
      for (const network of await docker.listNetworks({ filters: labels }))
        await docker
          .getNetwork(network.Id)
          .remove()
          .catch(() => undefined)
      await wire[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await Promise.all(children.map(end))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A rig with a scheduler that is started. */
export async function openGround(engineSocket: string): Promise<SchedulerGround> {
  const rig = await openRig(engineSocket)
  const scheduler = rig.scheduler()
  await scheduler.start()
  return { ...rig, scheduler }
}
