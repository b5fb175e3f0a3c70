import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { runCommandLine } from '../../src/cli/program.js'
import { writeCredentials } from '../../src/credentials.js'
import { KeyedMutex } from '../../src/lib/keyed-mutex.js'
import { openRig, type Rig } from '../api/rig.js'
import { must, type Outcome } from '../run.js'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string | Buffer
}

/** The command line, in this process, logged in to a control API without containers. */
export interface CliRig extends AsyncDisposable {
  readonly api: Rig
  readonly dir: string
  readonly env: NodeJS.ProcessEnv
  /** Runs a command as `berth` would, off a terminal; one after the other, for a process has one of each stream. */
  readonly berth: (args: readonly string[], options?: CommandOptions) => Promise<Outcome>
  /** What a command prints, parsed. */
  readonly json: (args: readonly string[]) => Promise<unknown>
  /** A new git repository. */
  readonly repository: () => Promise<string>
}

/** Runs a command with streams, environment and directory of its own. */
async function inside(args: readonly string[], options: Required<CommandOptions>): Promise<Outcome> {
  const { env, argv, exitCode, stdin } = process
  const directory = process.cwd()
  const said = { stdout: '', stderr: '' }
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name]
    const { isTTY } = stream
    const write = (chunk: string | Uint8Array): boolean => {
      said[name] += chunk.toString()
      return true
    }
    Object.assign(stream, { write, isTTY: false })
    return () => {
      Reflect.deleteProperty(stream, 'write')
      stream.isTTY = isTTY
    }
  })
  process.env = options.env
  process.argv = ['node', 'berth', ...args]
  process.exitCode = undefined
  process.chdir(options.cwd)
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(options.input)]), configurable: true })
  try {
    return { code: await runCommandLine(args), ...said }
  } finally {
    for (const undo of restore) undo()
    Object.assign(process, { env, argv, exitCode })
    process.chdir(directory)
    Object.defineProperty(process, 'stdin', { value: stdin, configurable: true })
  }
}

async function openCliRig(settings: Readonly<Record<string, string>>): Promise<CliRig> {
  const api = await openRig(undefined, settings)
  const dir = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  const env = { ...process.env, BERTH_CONFIG_DIR: join(dir, 'credentials'), GIT_CONFIG_GLOBAL: '/dev/null' }
  for (const name of ['BERTH_URL', 'BERTH_TOKEN', 'BERTH_APP']) Reflect.deleteProperty(env, name)
  await writeCredentials({ url: api.url, token: api.token }, env)
  const turns = new KeyedMutex()
  const berth: CliRig['berth'] = (args, options) =>
    turns.run('', () => inside(args, { cwd: dir, env, input: '', ...options }))
  return {
    api,
    dir,
    env,
    berth,
    json: async (args) => JSON.parse((await berth(args)).stdout) as unknown,
    repository: async () => {
      const repo = await mkdtemp(join(dir, 'repo-'))
      await must('git', ['init', '--quiet', '--initial-branch=main'], { cwd: repo, env })
      return repo
    },
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A rig for all tests of a suite: opened before them, closed after. What it has is there while they run. */
export function setCli(settings: Readonly<Record<string, string>> = {}): Omit<CliRig, keyof AsyncDisposable> {
  let cli: CliRig
  before(async () => (cli = await openCliRig(settings)))
  after(() => cli[Symbol.asyncDispose]())
  return {
    get api() {
      return cli.api
    },
    get dir() {
      return cli.dir
    },
    get env() {
      return cli.env
    },
    berth: (args, options) => cli.berth(args, options),
    json: (args) => cli.json(args),
    repository: () => cli.repository(),
  }
}
