import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must, run, type Outcome, type RunOptions } from '../../run.js'

const program = fileURLToPath(new URL('../../../src/engine/main.ts', import.meta.url))
const tsx = import.meta.resolve('tsx')
/** Base images are made once a machine, not once a test. */
const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')

/** The image the tests run. */
export const base = 'debian:bookworm-slim'

/** An engine daemon with a root, name and address pool of its own, driven by the real docker command. */
export interface TestEngine extends AsyncDisposable {
  readonly dir: string
  readonly name: string
  readonly socket: string
  readonly pool: string
  /** Pid of the daemon. */
  pid(): number
  docker(...args: string[]): Promise<Outcome>
  /** The same, but an exit code other than 0 throws. @returns stdout, trimmed */
  must(...args: string[]): Promise<string>
  /** Starts a docker command and leaves it running. */
  start(...args: string[]): ChildProcess
  with(options: RunOptions, ...args: string[]): Promise<Outcome>
  stop(signal: NodeJS.Signals): Promise<void>
  boot(): Promise<void>
  /** Processes, mounts, control groups and links of this engine that are on the host. */
  traces(): Promise<string[]>
}

/** Starts an engine with the base image pulled. Disposing ends its containers and leaves nothing. */
export async function openEngine(): Promise<TestEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-e-'))
  const socket = join(dir, 'engine.sock')
  const name = `e${randomInt(1e6)}`
  const pool = `10.${randomInt(100, 250)}.0.0/16`
  const options = { root: join(dir, 'root'), run: join(dir, 'run'), socket, cache, name, pool }
  const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, value])
  const args = [`--import=${tsx}`, program, ...flags]
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: dir }
  let daemon: ChildProcess | undefined

  const engine: TestEngine = {
    dir,
    name,
    socket,
    pool,
    pid: () => daemon?.pid ?? 0,
    docker: (...words) => run('docker', words, { env }),
    must: (...words) => must('docker', words, { env }),
    start: (...words) => spawn('docker', words, { env, stdio: 'pipe' }),
    with: (more, ...words) => run('docker', words, { env, ...more }),
    stop: async (signal) => {
      const going = daemon
      daemon = undefined
      if (!going || going.exitCode !== null) return
      const gone = once(going, 'exit')
      going.kill(signal)
      await gone
    },
    boot: async () => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      daemon = child
      for await (const chunk of child.stdout) if (String(chunk).includes('serves')) return
      throw new Error('the engine ended before it served')
    },
    traces: async () =>
      [
        ...readFileSync('/proc/self/mounts', 'utf8')
          .split('\n')
          .filter((line) => line.includes(dir)),
        ...(await must('find', ['/sys/fs/cgroup', '-maxdepth', '3', '-type', 'd', '-path', `*/berth-${name}/*`])).split(
          '\n',
        ),
        ...processes(dir).filter((line) => !line.includes('engine/main')),
      ].filter(Boolean),
    [Symbol.asyncDispose]: async () => {
      await engine.stop('SIGTERM')
      await must(process.execPath, [...args, '--destroy'])
      await rm(dir, { recursive: true, force: true })
    },
  }
  try {
    await engine.boot()
    await engine.must('pull', '--quiet', base)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
  return engine
}

/** Command lines that name `word`. */
function processes(word: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(word))
}

/** Tries until it is true, at most ten seconds: for what the outside world can only be asked. */
export async function eventually(test: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    if (await test()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what} did not come true within 10 s`)
}
