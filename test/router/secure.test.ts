import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent } from 'node:https'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { WebSocket, WebSocketServer } from 'ws'
import { selfSigned } from '../../src/router/self-signed.js'
import { app, until } from './parts.js'
import { ask, certificate, greet, secure, session, shown, stream } from './secure-rig.js'

describe('a listener for HTTPS', () => {
  it('serves HTTP/1, and says to the app that it was asked by https', async () => {
    await using rig = await secure()
    await using blog = await app((req, res) => res.end(JSON.stringify(req.headers)))
    rig.front.route('blog', blog.target())
    const { body, status } = await ask(rig.front, 'blog.test')
    expect(status).to.equal(200)
    expect(JSON.parse(body)).to.include({
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-for': '127.0.0.1',
    })
    expect((await ask(rig.front, 'nope.test')).status).to.equal(404)
  })

  it('shows the certificate of the name that is asked for, its owner’s only, and the default one for any other', async () => {
    await using rig = await secure()
    const { certificates, front } = rig
    certificates.replace([
      certificate('1', ['blog.test']),
      certificate('2', ['*.wild.test']),
      certificate('3', ['mine.test'], 'app-1'),
    ])
    rig.owners({ 'mine.test': 'app-2' })
    expect(await shown(front, 'blog.test')).to.equal('blog.test')
    expect(await shown(front, 'BLOG.test')).to.equal('blog.test')
    expect(await shown(front, 'a.wild.test')).to.equal('*.wild.test')
    for (const other of [undefined, 'nobody.test', 'a.b.wild.test', 'mine.test', 'x'.repeat(300), 'a_b..c'])
      expect(await shown(front, other), other?.slice(0, 20) ?? 'none').to.equal('berth.test')
    rig.owners({ 'mine.test': 'app-1' })
    expect(await shown(front, 'mine.test')).to.equal('mine.test')
    certificates.remove('1')
    expect(await shown(front, 'blog.test')).to.equal('berth.test')
  })

  it('shows another certificate from the next handshake on, and ends no connection for it', async () => {
    await using rig = await secure()
    await using blog = await app((_req, res) => res.end('ok'))
    rig.front.route('blog', blog.target())
    const first = certificate('1', ['blog.test'])
    rig.certificates.put(first)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await ask(rig.front, 'blog.test', agent)
    const [held] = Object.values(agent.freeSockets).flat()
    const second = certificate('1', ['blog.test'])
    rig.certificates.put(second)
    const socket = await greet(rig.front, { servername: 'blog.test' })
    expect(socket.getPeerX509Certificate()?.toString().trim()).to.equal(second.chain.trim())
    socket.destroy()
    expect((await ask(rig.front, 'blog.test', agent)).body).to.equal('ok')
    expect(held?.destroyed).to.equal(false)
    agent.destroy()
  })

  it('is not ended by a certificate that OpenSSL does not take', async () => {
    await using rig = await secure()
    rig.certificates.put({ ...certificate('1', ['blog.test']), key: 'no key' })
    rig.certificates.put({ ...certificate('2', ['other.test']), key: selfSigned('x').key })
    expect(await shown(rig.front, 'blog.test')).to.equal('berth.test')
    expect(await shown(rig.front, 'other.test')).to.equal('berth.test')
  })

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`takes up a session again at another router with its keys (${maxVersion})`, async () => {
      await using one = await secure()
      await using two = await secure()
      for (const { certificates } of [one, two]) certificates.put(certificate('1', ['blog.test']))
      const options = { servername: 'blog.test', maxVersion }
      const first = await greet(one.front, options)
      first.write('GET / HTTP/1.1\r\nhost: blog.test\r\n\r\n')
      const kept: Buffer[] = []
      if (maxVersion === 'TLSv1.2') kept.push(first.getSession() ?? Buffer.alloc(0))
      else await once(first, 'session').then(([ticket]) => kept.push(ticket as Buffer))
      first.destroy()
      const [ticket = Buffer.alloc(0)] = kept
      const again = await greet(two.front, { ...options, session: ticket })
      expect(again.isSessionReused()).to.equal(true)
      again.destroy()
    })

  for (const [what, options] of [
    ['TLS 1.1', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['a protocol that it does not speak', { ALPNProtocols: ['spdy/3'] }],
  ] as const)
    it(`refuses ${what}`, async () => {
      await using rig = await secure()
      const { front } = rig
      const error: unknown = await greet(front, {
        ...options,
        ALPNProtocols: [...('ALPNProtocols' in options ? options.ALPNProtocols : [])],
      }).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(Error)
    })

  it('is closed to who sends no TLS, or more than it may', async () => {
    await using rig = await secure({ clientConnections: 3 })
    const plain = connectTcp(rig.front.port, '127.0.0.1').on('error', () => undefined)
    plain.write('GET / HTTP/1.1\r\nhost: blog.test\r\n\r\n')
    await once(plain.resume(), 'close')
    const held = await Promise.all([greet(rig.front), greet(rig.front), greet(rig.front)])
    const ends = held.map((socket) => once(socket, 'close'))
    // the one that has been left unused for longest makes room
    const fourth = await greet(rig.front)
    await Promise.race(ends)
    expect(held.filter((socket) => !socket.destroyed).length).to.equal(2)
    for (const socket of [...held, fourth]) socket.destroy()
  })

  it('refuses a request that does not come to its end in time, as without TLS', async () => {
    await using rig = await secure({ headTime: 150 })
    const slow = await greet(rig.front)
    slow.write('GET / HTTP/1.1\r\nhost: bl')
    expect(await text(slow)).to.match(/^HTTP\/1\.1 408 /)
  })

  it('carries WebSockets', async () => {
    await using rig = await secure()
    await using blog = await app((_req, res) => res.end())
    const server = new WebSocketServer({ noServer: true })
    blog.server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) =>
      server.handleUpgrade(req, socket, head, (one) => server.emit('connection', one, req)),
    )
    server.on('connection', (one, req) => {
      one.send(String(req.headers['x-forwarded-proto']))
      one.on('message', (data, binary) => one.send(data, { binary }))
    })
    rig.front.route('blog', blog.target())
    const headers = { host: 'blog.test' }
    const socket = new WebSocket(`wss://127.0.0.1:${rig.front.port}/`, { rejectUnauthorized: false, headers })
    expect(String((await once(socket, 'message'))[0])).to.equal('https')
    socket.send('x'.repeat(100_000))
    expect(String((await once(socket, 'message'))[0]).length).to.equal(100_000)
    const closed = once(socket, 'close')
    for (const one of blog.sockets) one.resetAndDestroy()
    await closed
    server.close()
  })

  it('leaves to another router: a request under way is answered, one that comes late too, and then all is closed', async () => {
    await using rig = await secure()
    let finish: () => void = () => undefined
    await using blog = await app((req, res) => {
      if (req.url === '/slow') finish = () => res.end('slow')
      else res.end('ok')
    })
    rig.front.route('blog', blog.target())
    const over = session(rig.front)
    const slow = stream(over, { ':path': '/slow' })
    await until(() => blog.sockets.size === 1)
    const kept = await greet(rig.front)
    const left = rig.front.leave(20_000)
    expect((await stream(over, { ':path': '/late' })).body).to.equal('ok')
    const farewell = once(over, 'goaway')
    finish()
    expect((await slow).body).to.equal('slow')
    await farewell
    kept.write('GET / HTTP/1.1\r\nhost: blog.test\r\n\r\n')
    expect(await text(kept)).to.match(/connection: close/i)
    await left
  })
})
