import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { AnswerReader } from '../../src/router/answer.js'
import { keptFor } from '../../src/router/headers.js'
import { Connection, type Home } from '../../src/router/connection.js'
import { app, rawApp, router, type Reply } from './parts.js'

const shapeOf = ({ status, headers }: Reply) => [status, headers['x-berth-error']]

describe('a connection to a process, by itself', () => {
  let server: Server
  let port = 0
  /** What the process does with each connection. */
  let take: (socket: Socket) => void
  before(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => take(socket.on('error', () => undefined)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.close()
  })

  const answering = (head: string) => {
    take = (socket) => socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${head}\r\nok`))
  }
  /** Carries one request on it. @returns the body */
  const carry = async (connection: Connection): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    let kept: number | undefined
    const reader = new AnswerReader('GET', {
      inform: reject,
      refuse: reject,
      begin: (head) => (kept = keptFor(head)),
      take: (piece) => {
        connection.rest(kept)
        resolve(String(piece))
      },
    })
    connection.carry({ data: (chunk) => reader.read(chunk), end: reject, broken: reject })
    connection.socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    return promise
  }
  /** A home, and what comes to it. */
  const home = () => {
    const [rested, closed] = [Promise.withResolvers<Connection>(), Promise.withResolvers<Connection>()]
    const rests: Home = { rests: rested.resolve, closed: closed.resolve }
    return { rests, rested: rested.promise, closed: closed.promise }
  }

  it('is refused before a byte is sent', async () => {
    const nobody = createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const { port: gone } = nobody.address() as AddressInfo
    nobody.close()
    await once(nobody, 'close')
    const error = await Connection.open({ host: '127.0.0.1', port: gone }).catch((reason: unknown) => reason)
    expect(error).to.include({ code: 'ECONNREFUSED', syscall: 'connect' })
    const missing = await Connection.open({ socketPath: '/nowhere/api.sock' }).catch((reason: unknown) => reason)
    expect(missing).to.include({ code: 'ENOENT' })
  })

  for (const said of ['Keep-Alive: timeout=5\r\n', 'Keep-Alive: max=100, timeout=72\r\n', ''])
    it(`rests between two requests ${said === '' ? 'of an app that says nothing' : `by ${said.trim()}`}`, async () => {
      answering(said)
      const { rests, rested, closed } = home()
      const connection = await Connection.open({ host: '127.0.0.1', port }, rests)
      expect(await carry(connection)).to.equal('ok')
      expect(await rested).to.equal(connection)
      expect([connection.wake(), connection.reused]).to.deep.equal([true, true])
      expect(await carry(connection)).to.equal('ok')
      connection.destroy()
      expect(await closed).to.equal(connection)
    })

  for (const said of ['Keep-Alive: timeout=1\r\n', 'Keep-Alive: timeout=0\r\n', 'Connection: close\r\n'])
    it(`does not rest by ${said.trim()}`, async () => {
      answering(said)
      const { rests, rested, closed } = home()
      const connection = await Connection.open({ host: '127.0.0.1', port }, rests)
      expect(await carry(connection)).to.equal('ok')
      expect(await Promise.race([rested.then(() => 'rests'), closed.then(() => 'closed')])).to.equal('closed')
    })

  for (const [what, act] of [
    ['says something more', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n')],
    ['ends', (socket: Socket) => socket.end()],
    ['resets it', (socket: Socket) => socket.resetAndDestroy()],
  ] as const)
    it(`rests no more when the process ${what}`, async () => {
      answering('Keep-Alive: timeout=60\r\n')
      const accept = take
      const accepted = Promise.withResolvers<Socket>()
      take = (socket) => {
        accepted.resolve(socket)
        accept(socket)
      }
      const { rests, rested, closed } = home()
      const connection = await Connection.open({ host: '127.0.0.1', port }, rests)
      await carry(connection)
      await rested
      act(await accepted.promise)
      expect(await closed).to.equal(connection)
      expect(connection.wake()).to.equal(false)
    })

  it('without a home is closed after its request', async () => {
    answering('Keep-Alive: timeout=60\r\n')
    const connection = await Connection.open({ host: '127.0.0.1', port })
    const closed = once(connection.socket, 'close')
    expect(await carry(connection)).to.equal('ok')
    await closed
  })

  it('that is new has been read by the process for all that anybody knows', async () => {
    take = (socket) => socket.destroy()
    const connection = await Connection.open({ host: '127.0.0.1', port })
    expect(await connection.unread(Object.assign(new Error('x'), { syscall: 'write' }))).to.equal(false)
    connection.destroy()
  })
})

describe('connections to processes', () => {
  it('uses a kept-alive connection again', async () => {
    await using front = await router()
    let connections = 0
    await using blog = await app((_req, res) => res.end('ok'))
    blog.server.on('connection', () => connections++)
    front.route('blog', blog.target())
    for (let i = 0; i < 5; i++) await front.send('blog.test')
    expect(connections).to.equal(1)
  })

  it('repeats a GET on a kept connection that the app had closed before it came', async () => {
    await using front = await router()
    let served = 0
    await using blog = await rawApp((socket) => {
      socket.on('data', () => {
        served++
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    front.route('blog', blog.target())
    // closed in the very turn in which a request is about to be sent on: the router cannot have heard of it
    front.onRequest(() => {
      for (const socket of blog.sockets) socket.destroy()
    })
    for (let i = 0; i < 30; i++) expect((await front.send('blog.test')).status).to.equal(200)
    expect(served).to.equal(30)
  })

  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const)
    for (const kept of [true, false])
      it(`sends a request that ends its process to no other (${how}, ${kept ? 'kept' : 'new'} connection)`, async () => {
        await using front = await router()
        let killed = 0
        const mortal = () =>
          rawApp((socket) =>
            socket.on('data', (bytes) => {
              if (!String(bytes).startsWith('GET /kill')) {
                socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
                return
              }
              killed++
              socket[how]()
            }),
          )
        await using one = await mortal()
        await using two = await mortal()
        await using three = await mortal()
        front.route('blog', one.target(), two.target(), three.target())
        if (kept) for (let i = 0; i < 6; i++) await front.send('blog.test')
        expect(shapeOf(await front.send('blog.test', { path: '/kill' }))).to.deep.equal([502, 'hung-up'])
        expect(killed).to.equal(1)
      })
})
