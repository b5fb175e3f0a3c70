import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mountDisk, mountRun, openDockerd, type Start } from './oracle.js'
import { must, run, typescript, type Outcome, type RunOptions } from '../../run.js'
import { poolByte } from '../../free.js'
import { patience } from '../../patience.js'

const program = fileURLToPath(new URL('../../../src/engine/main.ts', import.meta.url))
const build = fileURLToPath(new URL('../../../dist/engine/main.js', import.meta.url))
/** Base images are made once a machine, not once a test. */
export const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')

/** The engine under test: Berth's, or with BERTH_TEST_ENGINE=dockerd the oracle: what it fails is a wrong test. */
export const oracle = process.env.BERTH_TEST_ENGINE === 'dockerd'
/** The docker command; DOCKER names another, as Debian's 20.10 in /usr/bin. */
export const docker = process.env.DOCKER ?? 'docker'

/** bin/test, which has just built it, starts the engine as people do: in half the time that its source takes. */
const fromBuild = process.env.BERTH_TEST_BUILT === '1'

/** The image the tests run. */
export const base = 'debian:bookworm-slim'

/** A daemon driven by the real docker command. */
export interface DockerEngine extends AsyncDisposable {
  readonly dir: string
  readonly socket: string
  pid(): number
  docker(...args: string[]): Promise<Outcome>
  /** The same, but an exit code other than 0 throws. @returns stdout, trimmed */
  must(...args: string[]): Promise<string>
  /** Starts a docker command and leaves it running. */
  start(...args: string[]): ChildProcess
  with(options: RunOptions, ...args: string[]): Promise<Outcome>
  /** Runs another program where the engine's published ports are, with DOCKER_HOST set. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>
  /** Removes every container. */
  clear(): Promise<void>
  stop(signal: NodeJS.Signals): Promise<void>
  boot(): Promise<void>
}

/** An engine daemon with a root, name and address pool of its own, driven by the real docker command. */
export interface TestEngine extends DockerEngine {
  readonly name: string
  readonly pool: string
  /** Takes away all that the kernel has of an engine whose daemon does not run, as a reboot does. */
  destroy(): Promise<void>
  /** Processes, mounts, control groups and links of this engine that are on the host. */
  traces(): Promise<string[]>
}

/** Lines of what a daemon said last that go with a failure. */
const mostSaid = 20

/** Starts an engine with the base image pulled. Disposing ends its containers and leaves nothing. */
export async function openEngine(start: Start = {}): Promise<TestEngine> {
  const { flags: more = [], env = {}, certificates, disk, under, mute = false, built = fromBuild } = start
  const dir = await mkdtemp(join(tmpdir(), 'berth-e-'))
  const socket = join(dir, 'engine.sock')
  const name = `e${randomInt(1e6)}`
  const pool = `10.${poolByte()}.0.0/16`
  const trusted = certificates === undefined ? {} : { 'registry-certs': certificates }
  const options = { root: join(dir, 'root'), run: join(dir, 'run'), socket, cache, name, pool, ...trusted }
  const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, value])
  const args = [...(built ? [build] : [typescript, program]), ...flags, ...more]
  let daemon: ChildProcess | undefined
  let ground: AsyncDisposable | undefined
  const own = driven(socket, dir, [])
  const said: string[] = []

  const engine: TestEngine = {
    dir,
    name,
    socket,
    pool,
    pid: () => daemon?.pid ?? 0,
    ...own,
    must: (...words) =>
      own.must(...words).catch((error: unknown) => {
        throw new Error(`${String(error)}\nthe engine: ${said.join('\n') || '(nothing said)'}`, { cause: error })
      }),
    stop: async (signal) => {
      const going = daemon
      daemon = undefined
      if (!going || going.exitCode !== null) return
      const gone = once(going, 'exit')
      going.kill(signal)
      await gone
    },
    boot: async () => {
      const own =
        disk === undefined ? [] : ['unshare', '-m', 'sh', '-c', `${mountDisk(options.root, disk)} exec "$0" "$@"`]
      const [command = '', ...words] = [...own, process.execPath, ...args]
      const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
      daemon = child
      said.length = 0
      child.stderr.on('data', (chunk: Buffer) => {
        if (!mute) process.stderr.write(chunk)
        said.push(...String(chunk).split('\n').filter(Boolean))
        said.splice(0, said.length - mostSaid)
      })
      child.once('exit', (code, signal) => {
        if (daemon === child) said.push(`it ended by itself, with ${String(code ?? signal)}`)
      })
      for await (const chunk of child.stdout) if (String(chunk).includes('serves')) return
      throw new Error('the engine ended before it served')
    },
    destroy: async () => {
      await must(process.execPath, [...args, '--destroy'])
    },
    traces: async () =>
      [
        ...readFileSync('/proc/self/mounts', 'utf8')
          .split('\n')
          .filter((line) => line.includes(dir) && !line.includes(` ${options.run} `)),
        // the group that all builds share is there as long as the engine is
        ...(
          await must('find', [
            ...['/sys/fs/cgroup', '-maxdepth', '4', '-type', 'd', '-path', `*/berth-${name}/*`],
            ...['-not', '-path', `*/berth-${name}/builds`],
          ])
        ).split('\n'),
        ...processes(dir).filter((line) => !line.includes('engine/main')),
      ].filter(Boolean),
    [Symbol.asyncDispose]: async () => {
      await engine.stop('SIGTERM')
      await engine.destroy().finally(() => ground?.[Symbol.asyncDispose]())
      await must('umount', ['--lazy', options.run])
      // a test may have left a tree that is deeper than a path can be long
      await must('rm', ['-rf', dir])
    },
  }
  await must('sh', ['-c', mountRun(options.run)])
  try {
    ground = await under?.(options.root)
    await engine.boot()
    await engine.must('pull', '--quiet', base)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
  return engine
}

/**
 * The engine that a test of Docker's own behaviour runs against: Berth's, or the oracle, with the base image. Such a test
 * uses nothing but what both have.
 */
export async function openDocker(start: Start = {}): Promise<DockerEngine> {
  if (!oracle) return openEngine(start)
  const dockerd = await openDockerd(start)
  const own = driven(dockerd.socket, dockerd.dir, [])
  const engine: DockerEngine = {
    dir: dockerd.dir,
    socket: dockerd.socket,
    pid: () => dockerd.pid(),
    boot: () => dockerd.boot(),
    stop: (signal) => dockerd.stop(signal),
    ...own,
    run: (...args) => driven(dockerd.socket, dockerd.dir, dockerd.namespace).run(...args),
    [Symbol.asyncDispose]: () => dockerd[Symbol.asyncDispose](),
  }
  try {
    await dockerd.boot()
    await own.must('import', '--change', 'CMD ["bash"]', await baseArchive(), base)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
  return engine
}

/** The base image's files as Berth made them, making them first if no test has. */
export async function baseArchive(): Promise<string> {
  const archive = join(cache, 'debian-bookworm-slim.tar')
  if (!existsSync(archive)) await (await openEngine())[Symbol.asyncDispose]()
  return archive
}

function driven(socket: string, dir: string, namespace: readonly string[]) {
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: dir }
  return {
    clear: async () => {
      const left = (await must(docker, ['ps', '-aq'], { env })).split('\n').filter(Boolean)
      if (left.length > 0) await must(docker, ['rm', '-fv', ...left], { env })
    },
    docker: (...words: string[]) => run(docker, words, { env }),
    must: (...words: string[]) => must(docker, words, { env }),
    start: (...words: string[]) => spawn(docker, words, { env, stdio: 'pipe' }),
    with: (more: RunOptions, ...words: string[]) => run(docker, words, { env, ...more }),
    run: (command: string, args: readonly string[], more: RunOptions = {}) =>
      namespace.length === 0
        ? run(command, args, { env, ...more })
        : run('nsenter', [...namespace, command, ...args], { env, ...more }),
  }
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
  for (const deadline = Date.now() + 10_000 * patience; Date.now() < deadline;) {
    if (await test()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what} did not come true within 10 s`)
}
