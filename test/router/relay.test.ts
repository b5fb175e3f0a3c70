import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { expect } from 'chai'
import { relay } from '../../src/router/relay.js'
import { rawApp, router, until } from './parts.js'

/** Both ends of a connection. */
async function connection(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [near, far]
}

const handshake =
  'GET / HTTP/1.1\r\nhost: chat.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

describe('the relay of a WebSocket', () => {
  let client: Socket
  let a: Socket
  let b: Socket
  let app: Socket
  beforeEach(async () => {
    const ends = [await connection(), await connection()] as const
    ;[[client, a], [b, app]] = ends
    for (const socket of [client, app]) socket.on('error', () => undefined)
    relay(a, b)
  })
  afterEach(() => {
    for (const socket of [client, a, b, app]) socket.destroy()
  })

  for (const [name, sides] of [
    ['the app', () => ({ slow: client, writer: app, from: b, into: a })],
    ['the client', () => ({ slow: app, writer: client, from: a, into: b })],
  ] as const)
    it(`holds little of what ${name} says faster than the other side takes it, and loses none`, async () => {
      const { slow, writer, from, into } = sides()
      slow.pause()
      const piece = Buffer.alloc(1 << 20, 'x')
      for (let sent = 0; sent < 24; sent++) writer.write(piece)
      await until(() => from.isPaused())
      for (let turns = 0; turns < 50; turns++) {
        await turn() // a kernel may take some more
        expect(into.writableLength).to.be.at.most(1 << 18)
      }
      expect(from.isPaused()).to.equal(true)
      let heard = 0
      slow.on('data', (said: Buffer) => (heard += said.length)).resume()
      writer.end()
      await once(slow, 'end')
      expect(heard).to.equal(24 * piece.length)
    })

  it('passes the end of one direction on while the other goes on', async () => {
    client.end('last words')
    const said: string[] = []
    app.on('data', (words: Buffer) => said.push(String(words)))
    await once(app, 'end')
    expect(said.join('')).to.equal('last words')
    app.end('answer')
    const [words] = (await once(client, 'data')) as [Buffer]
    expect(String(words)).to.equal('answer')
    await until(() => a.closed && b.closed)
  })

  it('passes on that one side broke off', async () => {
    client.resume()
    app.resetAndDestroy()
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('ECONNRESET')
  })

  it('holds nothing of the request that it began with', async () => {
    await using front = await router()
    const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n'
    await using chat = await rawApp((socket) => socket.once('data', () => socket.write(switching)))
    front.route('chat', chat.target())
    const count = (): number => queryObjects(IncomingMessage, { format: 'count' })
    const before = count()
    const clients = Array.from({ length: 20 }, () => connect(front.port, '127.0.0.1'))
    for (const one of clients) one.on('error', () => undefined).write(handshake)
    await Promise.all(clients.map((one) => once(one, 'data')))
    for (let turns = 0; turns < 10; turns++) await turn()
    expect(count()).to.be.at.most(before)
    for (const one of clients) one.destroy()
  })
})
