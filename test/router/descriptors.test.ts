import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { typescript } from '../run.js'
import { RouteCache } from '../../src/router/route-cache.js'
import { freePort } from '../free.js'
import { app } from './parts.js'

const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))

interface Reply {
  readonly status: number
  readonly error: unknown
  readonly body: string
}

async function ask(port: number, localAddress: string, method = 'GET'): Promise<Reply> {
  const outgoing = request({
    port,
    host: '127.0.0.1',
    localAddress,
    method,
    agent: false,
    headers: { host: 'blog.test' },
  })
  const [answer] = (await once(outgoing.end(), 'response')) as [IncomingMessage]
  return { status: answer.statusCode ?? 0, error: answer.headers['x-berth-error'], body: await text(answer) }
}

/** A router whose kernel lets it open this many files. */
async function limited(
  files: number,
  settings: NodeJS.ProcessEnv,
  during: (port: number, pid: number) => Promise<void>,
) {
  const dir = await mkdtemp(join(tmpdir(), 'berth-router-'))
  const port = await freePort()
  await using blog = await app((_req, res) => res.end('from the app'))
  await new RouteCache(dir).save(() => [
    { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
  ])
  const env = {
    ...process.env,
    BERTH_ROOT: dir,
    BERTH_RUN: join(dir, 'run'),
    BERTH_HTTP_PORT: String(port),
    LISTEN_FDS: '',
    ...settings,
  }
  const child = spawn('prlimit', [`--nofile=${files}:${files}`, process.execPath, typescript, main], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    while (!(await opens(port))) await new Promise((resolve) => setTimeout(resolve, 50))
    await during(port, child.pid ?? 0)
  } finally {
    child.kill('SIGKILL')
    await rm(dir, { recursive: true })
  }
}

async function opens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const open = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.destroy()
  return open
}

async function flood(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    sockets.push(socket)
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return sockets
}

describe('a router that may open few files', function () {
  this.timeout(20_000)

  it('serves everybody while one client opens far more connections than that', async () => {
    await limited(400, { BERTH_CLIENT_CONNECTIONS: '50' }, async (port) => {
      const sockets = await flood(port, 600)
      for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.1'])
        for (const method of ['GET', 'POST'])
          expect(await ask(port, address, method)).to.deep.equal({
            status: 200,
            error: undefined,
            body: 'from the app',
          })
      for (const socket of sockets) socket.destroy()
    })
  })

  it('serves everybody while many clients do: those unused for longest make room', async () => {
    await limited(400, { BERTH_CLIENT_CONNECTIONS: '100000' }, async (port) => {
      const sockets = await flood(port, 600)
      for (const method of ['GET', 'POST'])
        expect(await ask(port, '127.0.0.2', method)).to.deep.equal({
          status: 200,
          error: undefined,
          body: 'from the app',
        })
      for (const socket of sockets) socket.destroy()
    })
  })

  it('says that it is the one without a connection left, and does not take the app for dead', async () => {
    await limited(400, {}, async (port, pid) => {
      const files = readdirSync(`/proc/${pid}/fd`).length + 12
      execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${files}:${files}`])
      const sockets: Socket[] = []
      const said = new Set<string>()
      // one file more each time, and no connection at rest to go by; where none is left to accept with, the client is hung up on
      for (let i = 0; i < 20; i++) {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        await Promise.race([once(socket, 'connect'), once(socket, 'close')])
        sockets.push(socket)
        const reply = await ask(port, '127.0.0.2', 'POST').catch(() => undefined)
        said.add(reply ? `${reply.status} ${String(reply.error)}` : 'hung up')
      }
      expect([...said].filter((one) => one !== 'hung up')).to.deep.equal(['200 undefined', '503 overloaded'])
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect((await ask(port, '127.0.0.2')).status, 'at once when there is one again').to.equal(200)
    })
  })
})
