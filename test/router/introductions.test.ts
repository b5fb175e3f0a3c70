import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import { app, router, until, type TestRouter } from './parts.js'
import { secure } from './secure-rig.js'

const head = (from: string, port = 443): string => `PROXY TCP4 ${from} 198.51.100.1 4711 ${port}\r\n`
const ask = 'GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n'

/** What an app was told of who asks. */
const telling = () =>
  app(({ headers }, response) => {
    const [from, proto, port] = ['for', 'proto', 'port'].map((name) => headers[`x-forwarded-${name}`])
    response.end(`${String(from)} ${String(proto)} ${String(port)}`)
  })

const trusting = {
  trustedProxies: ['127.0.0.1'],
  listeners: [{ scheme: 'http', port: 80, introduced: 'trusted' }],
} as const

/** A connection that a proxy has introduced. */
async function introduced(front: TestRouter, from: string): Promise<Socket> {
  const socket = connect(front.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(head(from))
  return socket
}

/** Sends each piece once the one before is on its way, from an address of loopback, and answers with all that comes back. */
async function say(
  front: TestRouter,
  pieces: readonly (string | Buffer)[],
  localAddress = '127.0.0.1',
): Promise<string> {
  const socket = connect({ port: front.port, host: '127.0.0.1', localAddress, noDelay: true })
  socket.on('error', () => undefined)
  const closed = text(socket).catch(() => '')
  for (const piece of pieces) await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)))
  return closed
}

describe('a connection that a trusted proxy introduces', () => {
  it('is taken as the client’s own, in one piece or in many', async () => {
    await using front = await router(trusting)
    await using blog = await telling()
    front.route('blog', blog.target())
    const whole = head('203.0.113.9') + ask
    for (const pieces of [[whole], [head('203.0.113.9'), ask], Array.from(whole)])
      expect(await say(front, pieces), `${pieces.length} pieces`).to.match(/\r\n\r\n203\.0\.113\.9 http 443$/)
  })

  it('may hold its word for no other header', async () => {
    await using front = await router(trusting)
    await using blog = await telling()
    front.route('blog', blog.target())
    const forged = ask.replace('connection', 'x-forwarded-for: 192.0.2.66\r\nx-forwarded-proto: https\r\nconnection')
    expect(await say(front, [head('203.0.113.9', 80) + forged])).to.match(/\r\n\r\n203\.0\.113\.9 http 80$/)
  })

  it('takes a body with its head and more requests after it, and WebSockets', async () => {
    await using front = await router(trusting)
    await using blog = await app((request, response) => void text(request).then((body) => response.end(`got ${body}`)))
    blog.server.on('upgrade', (_request: IncomingMessage, socket: Socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello'),
    )
    front.route('blog', blog.target())
    const post = 'POST / HTTP/1.1\r\nhost: blog.test\r\ncontent-length: 4\r\n\r\nbody'
    const both = await say(front, [head('203.0.113.9') + post, ask])
    expect(both.match(/got body/g)).to.have.length(1)
    expect(both).to.match(/got $/)
    const upgrade = 'GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
    expect(await say(front, [head('203.0.113.9') + upgrade])).to.match(/^HTTP\/1\.1 101 [^]*hello$/)
  })

  it('counts as its client’s, among the connections that one may have and by rules', async () => {
    await using front = await router({ ...trusting, clientConnections: 1 })
    await using blog = await telling()
    front.table.apply({
      ...{ app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [blog.target()], version: 1 },
      rules: { allow: ['203.0.113.0/24'] },
    })
    const first = await introduced(front, '203.0.113.9')
    const other = await introduced(front, '203.0.113.10')
    const second = await introduced(front, '203.0.113.9')
    await once(first, 'close')
    expect(other.closed, 'another client’s').to.equal(false)
    for (const socket of [second, other]) socket.destroy()
    expect(await say(front, [head('203.0.113.9') + ask])).to.match(/^HTTP\/1\.1 200 /)
    expect(await say(front, [head('192.0.2.1') + ask])).to.match(/^HTTP\/1\.1 403 /)
  })

  it('may speak TLS, HTTP/1 and HTTP/2', async () => {
    const listeners = [{ scheme: 'https', port: 443, introduced: 'trusted' }] as const
    await using rig = await secure({ trustedProxies: ['127.0.0.1'], listeners })
    const { front } = rig
    await using blog = await telling()
    front.route('blog', blog.target())
    const raw = await introduced(front, '203.0.113.9')
    const options = { rejectUnauthorized: false, servername: 'blog.test', headers: { host: 'blog.test' } }
    const [answer] = (await once(
      get({ ...options, createConnection: () => connectTls({ ...options, socket: raw }) }),
      'response',
    )) as [IncomingMessage]
    expect(await text(answer)).to.equal('203.0.113.9 https 443')
    const other = connectTls({ ...options, socket: await introduced(front, '203.0.113.10'), ALPNProtocols: ['h2'] })
    const session = connectHttp2('https://blog.test', { createConnection: () => other })
    expect(await text(session.request({ ':authority': 'blog.test' }))).to.equal('203.0.113.10 https 443')
    session.destroy()
  })

  it('is closed where its head makes no sense, goes on, or does not come; and the router’s end waits for none', async () => {
    await using front = await router({ ...trusting, headTime: 300 })
    await using blog = await telling()
    front.route('blog', blog.target())
    expect(await say(front, [ask])).to.equal('')
    expect(await say(front, [`PROXY TCP4 ${'1'.repeat(1000)}`])).to.equal('')
    const silent = connect(front.port, '127.0.0.1')
    await once(silent, 'connect')
    const closed = once(silent, 'close')
    const late = await say(front, ['PROXY TCP4'])
    expect(late, 'late').to.equal('')
    await closed
    const waits = connect(front.port, '127.0.0.1')
    await once(waits, 'connect')
    await until(() => front.server.listening)
    const end = once(waits, 'close')
    await front.close(60_000)
    await end
  })

  it('is nobody else’s: a client that says PROXY by itself is refused, and one that does not is served', async () => {
    await using front = await router(trusting)
    await using blog = await telling()
    front.route('blog', blog.target())
    expect(await say(front, [head('203.0.113.9') + ask], '127.0.0.2')).to.match(/^HTTP\/1\.1 400 /)
    expect(await say(front, [ask], '127.0.0.2')).to.match(/\r\n\r\n127\.0\.0\.2 http 80$/)
  })
})
