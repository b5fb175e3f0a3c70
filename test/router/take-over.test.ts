import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { KeptList } from '../../src/router/kept-list.js'
import { RouteCache } from '../../src/router/route-cache.js'
import { openListener } from '../../src/serve/socket.js'
import { freePort } from '../free.js'
import { typescript } from '../run.js'
import { app } from './parts.js'
import { certificate } from './secure-rig.js'

const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))

/** Asks over a connection of its own each time. */
async function askOnce(port: number): Promise<string> {
  const options = { port, agent: false, rejectUnauthorized: false, headers: { host: 'blog.test' } }
  const [answer] = (await once(get(options), 'response')) as [IncomingMessage]
  return text(answer)
}

/** Asks over HTTP/2, and over a new session whenever the router has ended the one before. */
function http2Client(port: number) {
  const open = () =>
    connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'blog.test' }).on(
      'error',
      () => undefined,
    )
  let session = open()
  let sessions = 1
  return {
    /** Resolves when the session of now has ended, which is the router's to do once nothing is asked over it. */
    rested: (): Promise<unknown> => new Promise((resolve) => session.once('close', resolve)),
    ask: async (): Promise<string> => {
      if (session.closed || session.destroyed) {
        session = open()
        sessions++
      }
      return text(session.request({ ':authority': 'blog.test' }))
    },
    sessions: () => sessions,
    end: () => session.destroy(),
  }
}

/** Which certificate is shown, and whether a session was taken up. */
async function greet(port: number, session?: Buffer) {
  const options = { port, servername: 'blog.test', rejectUnauthorized: false, maxVersion: 'TLSv1.2' } as const
  const socket: TLSSocket = connectTls(session ? { ...options, session } : options)
  await once(
    socket.on('error', () => undefined),
    'secureConnect',
  )
  const shown = socket.getPeerX509Certificate()?.subject // none where a session is taken up
  const seen = { shown, reused: socket.isSessionReused() }
  const ticket = socket.getSession()
  socket.destroy()
  return { ...seen, ticket }
}

describe('a router that another takes over from', function () {
  this.timeout(30_000)
  const children: ChildProcess[] = []
  // also those of a test that has taken too long
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  it('loses no request over TLS, and its clients take up their sessions', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-router-'))
    const [port, secure] = [await freePort(), await freePort()]
    const env = {
      ...process.env,
      ...{
        BERTH_ROOT: dir,
        BERTH_RUN: join(dir, 'run'),
        BERTH_HTTP_PORT: String(port),
        BERTH_HTTPS_PORT: String(secure),
      },
      ...{ LISTEN_FDS: '2', READY_FD: '4' },
    }
    using plainListener = openListener(port)
    using secureListener = openListener(secure)
    await using blog = await app((_req, res) => res.end('from the app'))
    await new RouteCache(dir).save(() => [
      { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
    ])
    const kept = new KeptList(join(dir, 'router', 'certificates.json'), (one): one is unknown => one !== null)
    await kept.save(() => [certificate('1', ['blog.test'], 'a1')])
    const start = async () => {
      const stdio = ['ignore', 'ignore', 'inherit', plainListener.fd, 'pipe', secureListener.fd] as const
      const child = spawn(process.execPath, [typescript, main], { env, stdio: [...stdio] })
      children.push(child)
      const word = child.stdio[4] as Readable
      await once(word, 'data') // it accepts
      return { child, leaves: once(word, 'close') }
    }
    let current = await start()
    const client = http2Client(secure)
    try {
      const first = await greet(secure)
      expect(first).to.include({ shown: 'CN=blog.test', reused: false })
      const selfSigned = await readFile(join(dir, 'router', 'self-signed.pem'), 'utf8')
      for (const name of ['self-signed.pem', 'tickets.key', 'certificates.json'])
        expect((await stat(join(dir, 'router', name))).mode & 0o777, name).to.equal(0o600)
      const answers: string[] = []
      let over = false
      const steady = async (ask: () => Promise<string>): Promise<void> => {
        while (!over) answers.push(await ask())
      }
      const load = steady(() => askOnce(secure))
      for (let round = 0; round < 2; round++) {
        answers.push(await client.ask()) // while there is no other that could have its session
        const rested = client.rested()
        const next = await start()
        const exit = once(current.child, 'exit')
        current.child.kill('SIGTERM')
        await current.leaves
        for (let i = 0; i < 50; i++) answers.push(await client.ask())
        await Promise.all([rested, exit])
        current = next
      }
      over = true
      await load
      expect(new Set(answers)).to.deep.equal(new Set(['from the app']))
      expect(client.sessions()).to.be.at.least(2)
      const again = await greet(secure, first.ticket)
      expect(again.reused).to.equal(true)
      expect(await readFile(join(dir, 'router', 'self-signed.pem'), 'utf8')).to.equal(selfSigned)
    } finally {
      client.end()
      await rm(dir, { recursive: true })
    }
  })
})
