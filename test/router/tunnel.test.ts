import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { WebSocket, WebSocketServer } from 'ws'
import { app, rawApp, router, until, type App } from './parts.js'

/** An app that says back what it hears. */
async function echo(): Promise<App> {
  const chat = await app((_req, res) => res.end('plain'))
  const sockets = new WebSocketServer({ noServer: true })
  chat.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
    sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request)),
  )
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => undefined)
    socket.on('message', (data, binary) => socket.send(data, { binary }))
    if (request.url === '/headers') socket.send(JSON.stringify(request.headers))
  })
  return chat
}

const open = (port: number, host = 'chat.test', path = '/'): WebSocket =>
  new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host } })

const handshake = (host: string): string =>
  `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
  'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

const accept = createHash('sha1')
  .update('AAAAAAAAAAAAAAAAAAAAAA==258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
  .digest('base64')
const switching = `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`

describe('a WebSocket', () => {
  it('carries text and megabytes both ways', async () => {
    await using front = await router()
    await using chat = await echo()
    front.route('chat', chat.target())
    const socket = open(front.port)
    await once(socket, 'open')
    for (const message of ['hello', 'ünïcode', 'x'.repeat(3 * 1024 * 1024)]) {
      socket.send(message)
      const [heard] = (await once(socket, 'message')) as [Buffer]
      expect(heard.toString() === message).to.equal(true)
    }
    socket.close(4000, 'bye')
    expect((await once(socket, 'close'))[0]).to.equal(4000)
    await until(() => chat.sockets.size === 0)
  })

  it('tells the app who asked', async () => {
    await using front = await router()
    await using chat = await echo()
    front.route('chat', chat.target())
    const socket = open(front.port, 'Chat.test:8080', '/headers')
    const [heard] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(heard.toString())).to.include({
      host: 'Chat.test:8080',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    })
    socket.terminate()
  })

  it('counts as a request of its process until it is closed', async () => {
    await using front = await router()
    await using chat = await echo()
    front.route('chat', chat.target('old'))
    const socket = open(front.port)
    await once(socket, 'open')
    front.route('chat')
    expect(front.table.state('id-chat').busy).to.deep.equal(['old'])
    socket.send('still here')
    expect(String((await once(socket, 'message'))[0])).to.equal('still here')
    socket.close()
    await until(() => front.drained.length === 1)
    expect(front.drained[0]?.target).to.equal('old')
  })

  it('is refused in the words of the app, chunked or not', async () => {
    await using front = await router()
    await using chat = await app(() => undefined)
    chat.server.on('upgrade', (_request, socket: Socket) => {
      socket.end('HTTP/1.1 401 Who are you\r\nx-why: token\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwho?\r\n0\r\n\r\n')
    })
    front.route('chat', chat.target())
    const reply = await front.raw(handshake('chat.test'))
    expect(reply).to.match(/^HTTP\/1\.1 401 Who are you\r\n/)
    expect(reply)
      .to.match(/x-why: token/)
      .and.to.match(/\r\n\r\nwho\?$/)
    expect(reply).not.to.match(/chunked/i)
  })

  it('is answered with a page where there is nobody: 400, 404, 503, 502, 504', async () => {
    await using front = await router({ firstByte: 60 })
    const gone = await app(() => undefined)
    await gone[Symbol.asyncDispose]()
    await using rude = await rawApp((socket) => socket.once('data', () => socket.destroy()))
    await using mute = await rawApp((socket) => void socket.resume())
    front.route('gone', gone.target())
    front.route('rude', rude.target())
    front.route('mute', mute.target())
    for (const [host, status] of [
      ['a b', 400],
      ['nope.test', 404],
      ['gone.test', 503],
      ['rude.test', 502],
      ['mute.test', 504],
    ] as const)
      expect(await front.raw(handshake(host))).to.match(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  it('goes to another process when one refuses', async () => {
    await using front = await router()
    await using chat = await echo()
    const down = await app(() => undefined)
    front.route('chat', down.target(), chat.target())
    await down[Symbol.asyncDispose]()
    for (let i = 0; i < 3; i++) {
      const socket = open(front.port)
      await once(socket, 'open')
      socket.terminate()
    }
  })

  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
    it(`ends on the app's side when the client leaves (${how})`, async () => {
      await using front = await router()
      await using chat = await rawApp((socket) => {
        socket.once('data', () => socket.write(switching))
        socket.on('end', () => socket.end())
      })
      front.route('chat', chat.target())
      const client = connect(front.port, '127.0.0.1')
      client.on('error', () => undefined).write(handshake('chat.test'))
      await once(client, 'data')
      client[how]()
      await until(() => chat.sockets.size === 0)
    })

    it(`ends on the client's side when the app leaves (${how})`, async () => {
      await using front = await router()
      await using chat = await rawApp((socket) =>
        socket.once('data', () => {
          socket.write(switching)
          setTimeout(() => socket[how](), 20)
        }),
      )
      front.route('chat', chat.target())
      expect(await front.raw(handshake('chat.test'))).to.match(/^HTTP\/1\.1 101 /)
      await until(() => chat.sockets.size === 0)
    })
  }

  it('lets go of the app when the client leaves before the app has answered', async () => {
    await using front = await router()
    await using mute = await rawApp((socket) => void socket.resume())
    front.route('chat', mute.target())
    const client = connect(front.port, '127.0.0.1')
    client.on('error', () => undefined).write(handshake('chat.test'))
    await until(() => mute.sockets.size === 1)
    client.destroy()
    await until(() => mute.sockets.size === 0)
  })

  it('is cut when the router is told to stop', async () => {
    await using front = await router()
    await using chat = await echo()
    front.route('chat', chat.target())
    const socket = open(front.port)
    socket.on('error', () => undefined)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await front.close(3000)
    await closed
  })
})
