import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Tree } from '../../../src/engine/images/tree.js'
import { must, run, type Outcome } from '../../run.js'
import { poolByte } from '../../free.js'

/** Base images are made once a machine, not once a test. */
const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')
const program = fileURLToPath(new URL('../../../src/engine/main.ts', import.meta.url))
const tsx = import.meta.resolve('tsx')

/** An engine daemon of its own, driven by the docker command. */
export interface BuilderLab extends AsyncDisposable {
  readonly root: string
  readonly socket: string
  docker(args: readonly string[], options?: { cwd?: string; input?: string | Buffer }): Promise<Outcome>
  /** Writes a build context (path -> text; `-> x` is a link) and builds it. */
  build(files: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome>
  /** What is at a path of an image, read through its layers; undefined when it is not there. */
  read(image: string, path: string): Promise<string | undefined>
  /** Headers that the docker command adds to every request from now on. */
  headers(headers: Readonly<Record<string, string>>): Promise<void>
  /** Ends the daemon with SIGKILL and starts another on the same state. */
  restart(): Promise<void>
}

/** Starts an engine in a directory of its own; with `size` (`130m`) on a disk of its own that is no larger. */
export async function openBuilderLab(size?: string, flags: readonly string[] = []): Promise<BuilderLab> {
  const base = await mkdtemp(join(tmpdir(), 'berth-builder-'))
  const root = join(base, 'root')
  const socket = join(base, 'engine.sock')
  await writeFile(join(base, 'build.env'), 'LENT_BY_HOST=lent\n')
  const options = {
    root,
    run: join(base, 'run'),
    socket,
    cache,
    name: `builder-${String(randomInt(1e9))}`,
    pool: `10.${String(poolByte())}.0.0/16`,
    'build-env': join(base, 'build.env'),
  }
  const args = [
    `--import=${tsx}`,
    program,
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    ...flags,
  ]
  const start = async () => {
    const onDisk = `mkdir -p ${root} && mount -t tmpfs -o size=${size ?? ''} tmpfs ${root} && exec "$0" "$@"`
    const command = size === undefined ? [] : ['unshare', '-m', 'sh', '-c', onDisk]
    const [first = '', ...rest] = [...command, process.execPath, ...args]
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const chunk of child.stdout) if (String(chunk).includes('serves')) break
    return child
  }
  let daemon = await start()
  const stop = async (signal: NodeJS.Signals) => {
    const gone = once(daemon, 'exit')
    if (daemon.kill(signal)) await gone
  }
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '0', DOCKER_CONFIG: base }
  const docker: BuilderLab['docker'] = (words, more) => run('docker', words, { env, timeoutMs: 300_000, ...more })
  return {
    root,
    socket,
    docker,
    build: async (files, ...words) => {
      const cwd = await mkdtemp(join(base, 'context-'))
      for (const [path, content] of Object.entries(files)) await write(join(cwd, path), content)
      const outcome = await docker(['build', ...words, '.'], { cwd })
      await rm(cwd, { recursive: true })
      return outcome
    },
    read: async (image, path) => {
      const { stdout } = await docker(['image', 'inspect', '--format', '{{json .GraphDriver.Data}}', image])
      const { UpperDir, LowerDir = '' } = JSON.parse(stdout) as { UpperDir: string; LowerDir?: string }
      const layers = [UpperDir, ...LowerDir.split(':').filter(Boolean)].reverse()
      const entry = new Tree(layers).resolve(path, false).entry
      if (!entry) return undefined
      if (entry.stat.isDirectory()) return 'a directory'
      return entry.stat.isSymbolicLink() ? `-> ${readlinkSync(entry.paths[0])}` : readFileSync(entry.paths[0], 'utf8')
    },
    headers: (headers) => writeFile(join(base, 'config.json'), JSON.stringify({ HttpHeaders: headers })),
    restart: async () => {
      await stop('SIGKILL')
      daemon = await start()
    },
    [Symbol.asyncDispose]: async () => {
      await stop('SIGTERM')
      await must(process.execPath, [...args, '--destroy'])
      await rm(base, { recursive: true, force: true })
    },
  }
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (content.startsWith('-> ')) await symlink(content.slice(3), path)
  else await writeFile(path, content)
  if (content.startsWith('#!')) await chmod(path, 0o755)
}
