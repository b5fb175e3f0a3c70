import { expect } from 'chai'
import { readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { LayerTree } from '../../../src/engine/images/tree.js'
import { run, type Outcome, type RunOptions } from '../../run.js'
import { openDocker, oracle, type DockerEngine } from './harness.js'

/** Debian's client: it has BuildKit's built in, where docker's newer ones need a plugin. */
const debian = '/usr/bin/docker'

/** What a build context holds: path -> text; `-> x` is a link, `#!` makes a program. */
export type Context = Readonly<Record<string, string>>

/** An engine under test that builds. */
export interface BuilderLab extends DockerEngine {
  /** Writes a context and builds it as the classic builder does. */
  build(files: Context, ...args: string[]): Promise<Outcome>
  /** The same, of what only BuildKit knows in the oracle, which it is asked of there. Berth has one builder. */
  buildkit(files: Context, ...args: string[]): Promise<Outcome>
  /** What is at a path of an image, read through its layers; undefined when it is not there. */
  read(image: string, path: string): Promise<string | undefined>
  /** Lends secrets, and a socket of an ssh agent, to builds by BuildKit from now on. */
  lend(secrets: Readonly<Record<string, string>>, agent?: string): Promise<void>
  /** Headers that the docker command adds to every request from now on. */
  headers(headers: Readonly<Record<string, string>>): Promise<void>
  /** Ends the daemon, Berth's with SIGKILL, and starts another on the same state. */
  restart(): Promise<void>
}

/** How the builder is started. */
export interface BuilderStart {
  /** Options of Berth's engine alone. */
  readonly flags?: readonly string[]
  readonly disk?: string
}

/** Where Berth says that something in a Dockerfile is wrong, `line:column`; the classic builder does not say. */
export const at = (place: string): string => (oracle ? '' : `Dockerfile:${place}: `)

/** What a build said, on both ways: BuildKit's log is on stderr. @throws AssertionError with it when the build failed */
export function succeeded({ code, stdout, stderr }: Outcome): string {
  expect(code, `${stdout}\n${stderr}`).to.equal(0)
  return stdout + stderr
}

/** Starts an engine with the base image. */
export async function openBuilderLab({ flags = [], ...start }: BuilderStart = {}): Promise<BuilderLab> {
  const own = await mkdtemp(join(tmpdir(), 'berth-builder-'))
  const lent = join(own, 'build.env')
  const cargo = Buffer.from('[registries]\n').toString('base64')
  await writeFile(lent, `LENT_BY_HOST=lent\nBERTH_CARGO_CONFIG=${cargo}\n`)
  const engine = await openDocker({ ...start, flags: oracle ? [] : ['--build-env', lent, ...flags] })
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: engine.dir }
  const classic = { env: { ...env, DOCKER_BUILDKIT: '0' }, timeoutMs: 300_000 }
  const inContext = async (files: Context, build: (cwd: string) => Promise<Outcome>): Promise<Outcome> => {
    const cwd = await mkdtemp(join(own, 'context-'))
    for (const [path, content] of Object.entries(files)) await write(join(cwd, path), content)
    const outcome = await build(cwd)
    await rm(cwd, { recursive: true })
    return outcome
  }
  let loans: string[] = []
  const lab: BuilderLab = {
    ...engine,
    with: (options: RunOptions, ...words) => engine.with({ ...classic, ...options }, ...words),
    build: (files, ...words) => inContext(files, (cwd) => lab.with({ cwd }, 'build', ...words, '.')),
    buildkit: (files, ...words) => {
      if (!oracle) return lab.build(files, ...words)
      const options = { env: { ...env, DOCKER_BUILDKIT: '1' }, timeoutMs: 300_000 }
      return inContext(files, (cwd) =>
        run(debian, ['build', '--progress=plain', ...loans, ...words, '.'], { ...options, cwd }),
      )
    },
    lend: async (secrets, agent) => {
      const held = Object.entries(secrets)
      if (oracle) {
        for (const [id, value] of held) await writeFile(join(own, id), value)
        loans = held.flatMap(([id]) => ['--secret', `id=${id},src=${join(own, id)}`])
        if (agent !== undefined) loans.push('--ssh', `default=${agent}`)
        return
      }
      const base64 = Object.fromEntries(held.map(([id, value]) => [id, Buffer.from(value).toString('base64')]))
      await lab.headers({
        ...(held.length > 0 ? { 'X-Build-Secrets': encode(base64) } : {}),
        ...(agent === undefined ? {} : { 'X-Build-Ssh': encode({ default: agent }) }),
      })
    },
    read: async (image, path) => {
      const stdout = await lab.must('image', 'inspect', '--format', '{{json .GraphDriver.Data}}', image)
      const { UpperDir, LowerDir = '' } = JSON.parse(stdout) as { UpperDir: string; LowerDir?: string }
      const layers = [UpperDir, ...LowerDir.split(':').filter(Boolean)].reverse()
      const entry = new LayerTree(layers).resolve(path, false).entry
      if (!entry) return undefined
      if (entry.stat.isDirectory()) return 'a directory'
      return entry.stat.isSymbolicLink() ? `-> ${readlinkSync(entry.paths[0])}` : readFileSync(entry.paths[0], 'utf8')
    },
    headers: (headers) => writeFile(join(engine.dir, 'config.json'), JSON.stringify({ HttpHeaders: headers })),
    restart: async () => {
      await engine.stop(oracle ? 'SIGTERM' : 'SIGKILL')
      await engine.boot()
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]()
      await rm(own, { recursive: true, force: true })
    },
  }
  return lab
}

/** An object as a header of Berth's builder carries it. */
export const encode = (object: object): string => Buffer.from(JSON.stringify(object)).toString('base64url')

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (content.startsWith('-> ')) await symlink(content.slice(3), path)
  else await writeFile(path, content)
  if (content.startsWith('#!')) await chmod(path, 0o755)
}
