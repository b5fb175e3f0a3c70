import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { writeCredentials } from '../../src/credentials.js'
import { loadConfig, type Config } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { finished } from '../../src/engine-client/progress.js'
import { buildEnv } from '../../src/serve/build-env.js'
import { pidsFile, supervisorName } from '../../src/serve/instance.js'
import { Pids } from '../../src/serve/pids.js'
import { openStore } from '../../src/store/store.js'
import { must, run, type Outcome, type RunOptions } from '../run.js'
import { freePort, poolByte } from '../free.js'
import { patience } from '../patience.js'

export const home = fileURLToPath(new URL('../..', import.meta.url))
/** Base images and npm tarballs are made once a machine, not once a test. */
export const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')

/** A whole Berth of its own, started as `berth serve` from the build, taken away to the last mount at the end. */
export interface Instance extends AsyncDisposable {
  readonly config: Config
  /** For child processes: where this Berth is and how to be let in. */
  readonly env: NodeJS.ProcessEnv
  readonly dir: string
  berth(args: readonly string[], options?: RunOptions): Promise<Outcome>
  /** The same, for a command that is to succeed. */
  succeed(...args: readonly string[]): Promise<Outcome>
  /** Makes a git repository with these files (path -> text) and one commit on `main`. */
  repository(files: Readonly<Record<string, string | null>>): Promise<Repository>
  /** The same from a folder of examples/. */
  example(name: string): Promise<Repository>
  /** GETs from the router as curl would. */
  curl(app: string, path?: string, ...args: string[]): Promise<{ status: number; body: string }>
  start(): void
  /** Waits until the API answers through the router. */
  ready(): Promise<void>
}

/** A person's working copy. */
export interface Repository {
  readonly dir: string
  git(...args: string[]): Promise<Outcome>
  /** Writes (text) or deletes (null) files and commits. @returns the commit */
  commit(files: Readonly<Record<string, string | null>>): Promise<string>
  /** `git push` to the app, as apps:create set it up. */
  push(...args: string[]): Promise<Outcome>
}

const who = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false']

async function openRepository(dir: string, env: NodeJS.ProcessEnv): Promise<Repository> {
  const gitEnv = { ...env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' }
  const git = (...args: string[]) => run('git', [...who, ...args], { cwd: dir, env: gitEnv, timeoutMs: 1_200_000 })
  const commit = async (files: Readonly<Record<string, string | null>>): Promise<string> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, path)), { recursive: true })
      if (text === null) await rm(join(dir, path), { recursive: true })
      else await writeFile(join(dir, path), text)
    }
    await must('git', [...who, 'add', '--all'], { cwd: dir, env: gitEnv })
    await must('git', [...who, 'commit', '--quiet', '--allow-empty', '--message=Change'], { cwd: dir, env: gitEnv })
    return must('git', ['rev-parse', 'HEAD'], { cwd: dir, env: gitEnv })
  }
  await must('git', ['init', '--quiet', '--initial-branch=main'], { cwd: dir, env: gitEnv })
  return { dir, git, commit, push: (...args) => git('push', 'berth', ...(args.length === 0 ? ['main'] : args)) }
}

export interface InstanceOptions {
  /** Settings over the defaults, `BERTH_…`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Parent of the instance's root; default the system's temporary directory. */
  readonly parent?: string
}

export async function startInstance(options: InstanceOptions = {}): Promise<Instance> {
  const dir = await mkdtemp(join(options.parent ?? tmpdir(), 'berth-e2e-'))
  await must('chmod', ['755', dir])
  const settings = {
    BERTH_ROOT: join(dir, 'root'),
    BERTH_RUN: join(dir, 'run'),
    BERTH_NAME: `t${randomBytes(4).toString('hex')}`,
    BERTH_POOL: `10.${String(poolByte())}.0.0/16`,
    BERTH_HTTP_PORT: String(await freePort()),
    BERTH_CACHE: cache,
    BERTH_HOST_DIRECTORIES: join(dir, 'shared'),
    ...options.settings,
  }
  const env = { ...process.env, ...settings, BERTH_CONFIG_DIR: join(dir, 'credentials') }
  const config = loadConfig(settings)
  await mkdir(config.root, { recursive: true })
  await mkdir(join(config.root, 'log'), { recursive: true })
  await writeFile(join(config.root, 'build.env'), await buildEnv(process.env))
  const cli = join(home, 'bin/berth')

  const start = (): void => {
    const log = openSync(join(config.root, 'log/serve.log'), 'a')
    spawn(cli, ['serve'], { env, cwd: '/', stdio: ['ignore', log, log], detached: true }).unref()
  }
  const curl: Instance['curl'] = async (app, path = '/', ...args) => {
    const url = `http://${config.appHost(app)}:${String(config.httpPort)}${path}`
    const { stdout, stderr, code } = await run(
      'curl',
      ['-sS', '--max-time', String(30 * patience), '-w', '\n%{http_code}', ...args, url],
      { env },
    )
    if (code !== 0) return { status: 0, body: stderr }
    const cut = stdout.lastIndexOf('\n')
    return { status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) }
  }
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + 30_000 * patience
    const engine = connectEngine(config)
    // what an earlier supervisor left answers, too
    const supervised = (): boolean => supervisorName in new Pids(pidsFile(config)).alive()
    while (!supervised() || (await curl('berth', '/api/health')).status !== 200 || !(await engine.answers())) {
      if (Date.now() > deadline) throw new Error(`Berth did not start; see ${config.root}/log`)
      await sleep(50)
    }
  }
  const dispose = async (): Promise<void> => {
    const { code, stderr } = await run(cli, ['down', '--all'], { env, timeoutMs: 120_000 })
    if (process.env.BERTH_KEEP === undefined) await rm(dir, { recursive: true, force: true })
    if (code !== 0) throw new Error(`berth down --all failed:\n${stderr}`)
  }
  const repository: Instance['repository'] = async (files) => {
    const repo = await openRepository(await mkdtemp(join(dir, 'repo-')), env)
    await repo.commit(files)
    return repo
  }
  const instance: Instance = {
    config,
    env,
    dir,
    start,
    ready,
    curl,
    berth: (args, more) => run(cli, args, { env, cwd: dir, ...more }),
    succeed: async (...args) => {
      const outcome = await run(cli, args, { env, cwd: dir })
      if (outcome.code !== 0)
        throw new Error(`berth ${args.join(' ')} ended with ${String(outcome.code)}:\n${outcome.stderr}`)
      return outcome
    },
    repository,
    example: async (name) => {
      const repo = await openRepository(await mkdtemp(join(dir, 'repo-')), env)
      await cp(join(home, 'examples', name), repo.dir, { recursive: true })
      await repo.commit({})
      return repo
    },
    [Symbol.asyncDispose]: dispose,
  }
  try {
    start()
    await ready()
    process.env.BERTH_CONFIG_DIR = join(dir, 'credentials')
    await using store = await openStore(config)
    await writeCredentials({ url: config.url, token: (await store.tokens.create('test')).reveal() })
    if (config.ownEngine) await pullBase(config)
  } catch (error) {
    await dispose().catch(() => undefined)
    throw error
  }
  return instance
}

async function pullBase(config: Config): Promise<void> {
  await finished(connectEngine(config).images.pull('debian:bookworm-slim'))
}

let shared: Promise<Instance> | undefined

/** The one instance that the tests of a file share; each makes apps of its own. */
export const instance = (): Promise<Instance> => (shared ??= startInstance())

/** mocha's root hooks (.mocharc.e2e.json): takes the shared instance away at the end, whatever happened. */
export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(180_000)
    const instance = await shared
    shared = undefined // files that run side by side end one by one
    await instance?.[Symbol.asyncDispose]()
  },
}

/** An app name no other test has. */
export const freshName = (stem: string): string => `${stem}-${randomBytes(3).toString('hex')}`

/** Makes an app and the `berth` remote in a repository, as a person does. */
export async function createApp(berth: Instance, repo: Repository, stem: string): Promise<string> {
  const name = freshName(stem)
  const made = await berth.berth(['apps:create', name], { cwd: repo.dir })
  if (made.code !== 0) throw new Error(`apps:create failed:\n${made.stdout}${made.stderr}`)
  return name
}
