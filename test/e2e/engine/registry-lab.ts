import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { must, typescript } from '../../run.js'
import { archive } from '../../engine/images/lab.js'
import type { DockerEngine } from './harness.js'
import { freePort } from '../../free.js'

/** A server of a test's own. */
export interface Place extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
}

/** Starts a program where an engine's network is; without one, where the test's is. */
export function within(
  engine: Pick<DockerEngine, 'pid'> | undefined,
  command: string,
  args: readonly string[],
  env = {},
): ChildProcess {
  const nsenter = engine ? ['nsenter', `--net=/proc/${engine.pid()}/ns/net`] : []
  const [first = '', ...rest] = [...nsenter, command, ...args]
  return spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
}

/** Reads a program's output until a line holds what is waited for. */
async function lineOf(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
  const seen: string[] = []
  const from = child[stream]
  if (from)
    for await (const line of createInterface({ input: from })) {
      seen.push(line)
      const match = pattern.exec(line)
      if (!match) continue
      from.resume()
      return match
    }
  throw new Error(`${child.spawnfile} ended early; it said:\n${seen.join('\n')}`)
}

/** Ends it with SIGTERM, if it has not ended. */
export async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  if (child.exitCode === null && child.kill('SIGTERM')) await gone
}

/** How a registry is configured; YAML in one line each. */
export interface RegistryOptions {
  readonly address?: string
  readonly port?: number
  /** More of `http`, as `tls: {…}`. */
  readonly http?: string
  /** More sections, as `auth: {…}`. */
  readonly more?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Debian's docker-registry on the network of an engine, or of another process. */
export async function openRegistry(
  engine: Pick<DockerEngine, 'pid'> | undefined,
  options: RegistryOptions = {},
): Promise<Place & { readonly dir: string }> {
  const { address = '127.0.0.1', http } = options
  const host = `${address}:${options.port ?? (await freePort())}`
  return {
    host,
    ...(await serveRegistry(() => `addr: "${host}"${http === undefined ? '' : `, ${http}`}`, options, engine)),
  }
}

async function serveRegistry(
  http: (dir: string) => string,
  { more = [], env = {} }: RegistryOptions = {},
  engine?: Pick<DockerEngine, 'pid'>,
): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-registry-'))
  const lines = [
    'version: 0.1',
    'log: {level: info, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${dir}/data}, delete: {enabled: true}}`,
    `http: {${http(dir)}}`,
    ...more,
  ]
  await writeFile(join(dir, 'config.yml'), `${lines.join('\n')}\n`)
  const child = within(engine, 'docker-registry', ['serve', join(dir, 'config.yml')], env)
  await lineOf(child, 'stderr', /listening on/)
  return {
    dir,
    [Symbol.asyncDispose]: async () => {
      await end(child)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What went through a counted way to a registry. */
export interface Count {
  /** Bytes of blobs, each way. */
  down: number
  up: number
  /** Methods and paths, in order. */
  readonly asked: string[]
  /** Bytes of TCP since it was asked last, each way. */
  wire(): { down: number; up: number }
}

/** A registry behind a relay that counts what travels. */
export async function openCounted(engine: DockerEngine): Promise<Place & { readonly count: Count }> {
  const registry = await serveRegistry((dir) => `net: unix, addr: "${dir}/socket"`)
  const socketPath = join(registry.dir, 'socket')
  const sockets = new Set<Socket>()
  const before = { down: 0, up: 0 }
  const count: Count = {
    down: 0,
    up: 0,
    asked: [],
    wire: () => {
      const now = { down: 0, up: 0 }
      for (const { bytesRead, bytesWritten } of sockets) {
        now.up += bytesRead
        now.down += bytesWritten
      }
      const since = { down: now.down - before.down, up: now.up - before.up }
      Object.assign(before, now)
      return since
    },
  }
  const serve = (from: IncomingMessage, to: ServerResponse) => {
    sockets.add(from.socket)
    count.asked.push(`${from.method ?? ''} ${from.url ?? ''}`)
    const blob = from.url?.includes('/blobs/') ?? false
    // with the client's Host header the registry answers with locations at this place
    const onward = request({ socketPath, method: from.method, path: from.url, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.on('data', (chunk: Buffer) => (count.down += blob ? chunk.length : 0)).pipe(to)
    })
    onward.on('error', () => to.destroy())
    from.on('data', (chunk: Buffer) => (count.up += blob ? chunk.length : 0)).pipe(onward)
  }
  const place = await listen(serve, engine)
  return {
    count,
    host: place.host,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

/** Serves HTTP on a loopback port, the engine's when one is given. */
export async function listen(
  serve: (from: IncomingMessage, to: ServerResponse) => void,
  engine?: DockerEngine,
): Promise<Place> {
  const server = createServer(serve)
  return engine ? openDoor(server, engine) : openPort(server)
}

async function openPort(server: Server): Promise<Place> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: () => close(server) }
}

/** A server's way in on loopback of an engine's network. */
export async function openDoor(server: Server, engine: DockerEngine, port = 0): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-door-'))
  const path = join(dir, 'socket')
  server.listen(path)
  await once(server, 'listening')
  const program = fileURLToPath(new URL('door.ts', import.meta.url))
  const child = within(engine, process.execPath, [typescript, program, path, String(port)])
  const [got] = await lineOf(child, 'stdout', /\d+/)
  return {
    host: `127.0.0.1:${got}`,
    [Symbol.asyncDispose]: async () => {
      await end(child)
      await close(server)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

export const sha256 = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** An image of one small layer, named. @returns its id */
export async function makeImage(engine: DockerEngine, name: string, text: string): Promise<string> {
  const { stdout, stderr } = await engine.with(
    { input: archive([{ name: 'text', content: text }]) },
    'import',
    '-',
    name,
  )
  if (!stdout.startsWith('sha256:')) throw new Error(`import failed: ${stderr}`)
  return stdout.trim()
}

/** An authority of a test's own and a certificate for some names of hosts, in files. */
export interface Authority {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** @param names as subjectAltName has them: `IP:127.0.0.1`, `DNS:a.test` */
export async function makeAuthority(dir: string, ...names: string[]): Promise<Authority> {
  const file = (name: string) => join(dir, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const authority = ['-subj', '/CN=berth test', '-keyout', file('ca.key'), '-out', file('ca.crt')]
  await must('openssl', ['req', '-x509', ...key, ...authority])
  const leaf = [
    '-subj',
    '/CN=leaf',
    '-addext',
    `subjectAltName=${names.join(',')}`,
    '-addext',
    'basicConstraints=CA:FALSE',
  ]
  const by = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-keyout', file('leaf.key'), '-out', file('leaf.crt')]
  await must('openssl', ['req', '-x509', ...key, ...leaf, ...by])
  return { ca: file('ca.crt'), cert: file('leaf.crt'), key: file('leaf.key') }
}

/** A registry spoken to directly, as `host` sees it: what no client would push. */
export function rawly(engine: DockerEngine, host: string, repository: string) {
  const curl = async (args: readonly string[], input?: Buffer | string): Promise<string> => {
    const { code, stdout, stderr } = await engine.run('curl', ['-sSf', ...args], input === undefined ? {} : { input })
    if (code !== 0) throw new Error(`curl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const at = `http://${host}/v2/${repository}`
  return {
    /** @returns the blob's descriptor without its media type */
    blob: async (content: Buffer | string) => {
      const bytes = Buffer.from(content)
      const head = await curl(['-i', '-X', 'POST', `${at}/blobs/uploads/`])
      const location = /^location: (\S+)/im.exec(head)?.[1] ?? ''
      const type = ['-H', 'content-type: application/octet-stream', '--data-binary', '@-']
      await curl(['-X', 'PUT', ...type, `${location}&digest=${sha256(bytes)}`], bytes)
      return { digest: sha256(bytes), size: bytes.length }
    },
    /** Puts a manifest under a tag or its digest. @returns its descriptor */
    manifest: async (value: { readonly mediaType: string }, tag?: string) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const digest = sha256(bytes)
      const type = ['-H', `content-type: ${value.mediaType}`, '--data-binary', '@-']
      await curl(['-X', 'PUT', ...type, `${at}/manifests/${tag ?? digest}`], bytes)
      return { mediaType: value.mediaType, digest, size: bytes.length }
    },
  }
}
