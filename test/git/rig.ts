import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { loadConfig, type Config } from '../../src/config.js'
import { createGitHandler, type GitOptions } from '../../src/git/handler.js'
import { repositoryOf } from '../../src/git/repository.js'
import { Syncing } from '../../src/git/sync/syncing.js'
import { OperationLog } from '../../src/builds/operation-log.js'
import { wakeUps } from '../../src/queue/submit.js'
import type { App } from '../../src/store/apps.js'
import { arrivals, type Operation } from '../../src/store/operations.js'
import { openStore, type Store } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'
import { startRedis } from '../redis.js'
import { must, run, type Outcome } from '../run.js'

/** What a test says becomes of a deploy: null is success, a text why not. It may log. */
export type Fate = (operation: Operation, log: OperationLog) => Promise<string | null> | string | null

/** The git half of an api process on real sockets, with a real Redis. In the worker's place stands what `fate` says. */
export interface GitRig extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly token: string
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly syncing: Syncing
  fate: Fate
  app(name: string): Promise<App>
  /** A working copy with one commit on `main`; its remote `berth` is the app, with the token. */
  clone(app: string, files?: Readonly<Record<string, string>>): Promise<WorkingCopy>
  /** Commit of a ref on the server; null when there is none. */
  tip(app: App, ref?: string): Promise<string | null>
  repository(app: App): string
  /** What `git fsck` finds wrong with an app's repository; empty when nothing is. */
  fsck(app: App): Promise<string>
}

export interface WorkingCopy {
  readonly dir: string
  git(...args: string[]): Promise<Outcome>
  commit(files: Readonly<Record<string, string>>): Promise<string>
}

export const gitEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
}

async function listen(server: Server, where: { path: string } | { port: number; host: string }): Promise<void> {
  server.listen(where)
  await once(server, 'listening')
}

export interface RigOptions extends Pick<GitOptions, 'groups' | 'patienceMs'> {
  readonly socket?: boolean
  /** Settings of the instance. */
  readonly settings?: Readonly<Record<string, string>>
  /** Awaited before the first file is written. */
  readonly prepare?: (config: Config) => Promise<void>
}

export async function gitRig(options: RigOptions = {}): Promise<GitRig> {
  const { socket = true, settings = {}, prepare, ...more } = options
  const dir = await mkdtemp(join(tmpdir(), 'berth-git-'))
  const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), ...settings })
  await mkdir(dirname(config.apiSocket), { recursive: true })
  await prepare?.(config)
  const redis = await startRedis(config)
  const store = await openStore(config)
  const token = (await store.tokens.create('test')).reveal()
  const log = createLog('test', { level: 'silent' })
  const syncing = new Syncing({ config, store, log })
  const handler = createGitHandler({ config, store, log, syncing, ...more })
  const answer: Parameters<typeof createServer>[1] = (request, response) => {
    if (!handler(request, response)) response.writeHead(418).end('not git')
  }
  const [tcp, unix] = [createServer(answer), createServer(answer)]
  await listen(tcp, { port: 0, host: '127.0.0.1' })
  if (socket) await listen(unix, { path: config.apiSocket })
  const url = `http://127.0.0.1:${String((tcp.address() as AddressInfo).port)}`
  const busy = new Map<string, Promise<void>>()
  let versions = 1

  const rig: GitRig = {
    config,
    store,
    token,
    url,
    syncing,
    fate: () => null,
    app: (name) => store.apps.create(name),
    async clone(app, files = { 'index.html': 'hi' }) {
      const work = await mkdtemp(join(dir, 'work-'))
      const git = (...args: string[]) => run('git', args, { cwd: work, env: gitEnv })
      const copy: WorkingCopy = {
        dir: work,
        git,
        async commit(changes) {
          for (const [path, text] of Object.entries(changes)) {
            await mkdir(dirname(join(work, path)), { recursive: true })
            await writeFile(join(work, path), text)
          }
          await must('git', ['add', '--all'], { cwd: work, env: gitEnv })
          await must('git', ['commit', '-q', '--allow-empty', '-m', 'change'], { cwd: work, env: gitEnv })
          return must('git', ['rev-parse', 'HEAD'], { cwd: work, env: gitEnv })
        },
      }
      await git('init', '-q', '-b', 'main')
      await git('remote', 'add', 'berth', `${url.replace('//', `//x:${token}@`)}/${app}.git`)
      await copy.commit(files)
      return copy
    },
    async tip(app, ref = 'refs/heads/main') {
      const { code, stdout } = await run('git', ['rev-parse', '--verify', '--quiet', ref], {
        cwd: repositoryOf(config, app.id),
        env: gitEnv,
      })
      return code === 0 ? stdout.trim() : null
    },
    repository: (app) => repositoryOf(config, app.id),
    async fsck(app) {
      const args = ['-c', 'safe.directory=*', 'fsck', '--full', '--no-dangling', '--no-progress']
      const { code, stdout, stderr } = await run('git', args, { cwd: repositoryOf(config, app.id), env: gitEnv })
      const said = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('notice: '))
      return [...(code === 0 ? [] : [`exit code ${String(code)}`]), ...said].join('\n')
    },
    async [Symbol.asyncDispose]() {
      await syncing.close()
      silence()
      for (const server of [tcp, unix]) {
        server.close()
        server.closeAllConnections()
      }
      await store.notifications.close()
      await (await wakeUps(store.redis)).close()
      store.redis.disconnect()
      await redis[Symbol.asyncDispose]()
      // a git whose client has gone ends in its own time, and writes until then
      await rm(dir, { recursive: true, force: true, maxRetries: 20 })
    },
  }

  const carryOut = async (app: string): Promise<void> => {
    for (;;) {
      const [operation] = await store.operations.pending(app)
      if (!operation) return
      const log = await OperationLog.open(config, store, operation.id)
      const failure = await rig.fate(operation, log)
      await log.close()
      const release = (versions += 1)
      await store.operations.update(
        operation.id,
        failure === null ? { status: 'succeeded', release } : { status: 'failed', failure },
      )
    }
  }
  const silence = await store.notifications.subscribe(arrivals, (app) => {
    if (!busy.has(app))
      busy.set(
        app,
        carryOut(app).finally(() => busy.delete(app)),
      )
  })
  return rig
}
