import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './harness.js'

/** A server of a test's own, on loopback. */
export interface Place extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
}

/** Debian's docker-registry. `env` sets what its configuration file would. */
export async function openRegistry(
  env: Readonly<Record<string, string>> = {},
): Promise<Place & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-registry-'))
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const host = `127.0.0.1:${port}`
  const lines = [
    'version: 0.1',
    'log: {level: error}',
    `storage: {filesystem: {rootdirectory: ${dir}/data}}`,
    `http: {addr: ${host}}`,
  ]
  await writeFile(join(dir, 'config.yml'), `${lines.join('\n')}\n`)
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  const place = {
    host,
    dir,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit')
      if (child.exitCode === null && child.kill('SIGTERM')) await gone
      await rm(dir, { recursive: true, force: true })
    },
  }
  const answers = () =>
    new Promise<boolean>((resolve) => {
      request({ host: '127.0.0.1', port }, (answer) => resolve(answer.resume().readable))
        .on('error', () => resolve(false))
        .end()
    })
  await eventually(answers, 'docker-registry')
  return place
}

/** What went through a counted way to a registry. */
export interface Count {
  /** Bytes of blobs, each way. */
  down: number
  up: number
  /** Methods and paths, in order. */
  readonly asked: string[]
}

/** A proxy before a registry that counts what travels. */
export async function openCounter(target: string): Promise<Place & { readonly count: Count }> {
  const count: Count = { down: 0, up: 0, asked: [] }
  const serve = (from: IncomingMessage, to: ServerResponse) => {
    count.asked.push(`${from.method ?? ''} ${from.url ?? ''}`)
    const blob = from.url?.includes('/blobs/') ?? false
    const [hostname, port] = target.split(':')
    // with the client's Host header the registry answers with locations at this place
    const onward = request({ hostname, port, method: from.method, path: from.url, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.on('data', (chunk: Buffer) => (count.down += blob ? chunk.length : 0)).pipe(to)
    })
    onward.on('error', () => to.destroy())
    from.on('data', (chunk: Buffer) => (count.up += blob ? chunk.length : 0)).pipe(onward)
  }
  return { count, ...(await listen(serve)) }
}

/** Serves HTTP on a loopback port. */
export async function listen(serve: (from: IncomingMessage, to: ServerResponse) => void): Promise<Place> {
  const server = createServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const sha256 = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
