import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect } from 'chai'
import { Clients } from '../../src/router/clients.js'
import { app, router, until } from './parts.js'

const dial = async (port: number, localAddress = '127.0.0.1'): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: blog.test\r\n\r\n`

async function answer(socket: Socket, path = '/'): Promise<string> {
  socket.write(get(path))
  const ended = once(socket, 'close').then(() => 'closed')
  const said = once(socket.setEncoding('latin1'), 'data').then(([bytes]) => String(bytes))
  return Promise.race([said, ended])
}

describe('connections of one client', () => {
  it('cost it its longest unused one when they are too many, and no other client any', async () => {
    await using front = await router({ clientConnections: 20 })
    await using blog = await app((_req, res) => res.end('hello'))
    front.route('blog', blog.target())
    const other = await dial(front.port, '127.0.0.2')
    expect(await answer(other)).to.match(/^HTTP\/1\.1 200 /)
    const flood: Socket[] = []
    for (let i = 0; i < 100; i++) flood.push(await dial(front.port))
    await until(() => flood.filter((socket) => socket.closed).length === 80)
    expect(flood.slice(0, 80).every((socket) => socket.closed)).to.equal(true)
    expect(await answer(other), 'the other client, on the connection it had').to.match(/^HTTP\/1\.1 200 /)
    expect(await answer(await dial(front.port, '127.0.0.2')), 'and on a new one').to.match(/^HTTP\/1\.1 200 /)
    const own = await dial(front.port)
    expect(await answer(own), 'and the client itself').to.match(/^HTTP\/1\.1 200 /)
    for (const socket of [...flood, own, other]) socket.destroy()
  })

  it('are refused when all it may have are at work, WebSockets and half-sent requests among them', async () => {
    await using front = await router({ clientConnections: 3 })
    let finish: () => void = () => undefined
    await using blog = await app((req, res) => {
      if (req.url === '/slow') finish = () => res.end('done')
      else if (req.method === 'GET') res.end('hello')
      else req.resume()
    })
    blog.server.on('upgrade', (_request, socket: Socket) => socket.write(switching))
    front.route('blog', blog.target())
    const slow = await dial(front.port)
    const slowly = answer(slow, '/slow')
    const socket = await dial(front.port)
    socket.write('GET /ws HTTP/1.1\r\nhost: blog.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    await once(socket, 'data')
    const upload = await dial(front.port)
    upload.write('POST /up HTTP/1.1\r\nhost: blog.test\r\ncontent-length: 5\r\n\r\nhal')
    await until(() => blog.sockets.size === 3)
    const refused = await dial(front.port)
    expect(await answer(refused)).to.match(/^(HTTP\/1\.1 429 |closed)/)
    const other = await dial(front.port, '127.0.0.2')
    expect(await answer(other)).to.match(/^HTTP\/1\.1 200 /)
    finish()
    expect(await slowly).to.match(/^HTTP\/1\.1 200 /)
    const again = await dial(front.port)
    expect(await answer(again), 'when one has ended, the next is let in').to.match(/^HTTP\/1\.1 200 /)
    for (const one of [slow, socket, upload, refused, other, again]) one.destroy()
  })

  it('have no limit of their own where a trusted proxy opens them', async () => {
    await using front = await router({ clientConnections: 2, trustedProxies: ['127.0.0.0/8'] })
    await using blog = await app((_req, res) => res.end('hello'))
    front.route('blog', blog.target())
    const sockets: Socket[] = []
    for (let i = 0; i < 20; i++) sockets.push(await dial(front.port))
    for (const socket of sockets) expect(await answer(socket)).to.match(/^HTTP\/1\.1 200 /)
    for (const socket of sockets) socket.destroy()
  })

  it('are counted by the network that one client has to itself, and given back when they close', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const clients = new Clients({ each: 1, all: 4, exempt: () => false })
    const dialled: Socket[] = []
    const works = async (address: string): Promise<[boolean, Socket]> => {
      const socket = await dial(port)
      dialled.push(socket)
      const admitted = clients.admit(socket, address)
      clients.works(socket)
      return [admitted, socket]
    }
    const first = await works('2001:db8::1')
    expect(first[0]).to.equal(true)
    expect((await works('2001:db8:0:0:ffff::2'))[0], 'the same /64').to.equal(false)
    expect((await works('2001:db8:0:1::1'))[0], 'another /64').to.equal(true)
    expect((await works('192.0.2.1'))[0]).to.equal(true)
    expect((await works('192.0.2.2'))[0], 'another IPv4 address').to.equal(true)
    expect((await works('192.0.2.3'))[0], 'more than all may have').to.equal(false)
    first[1].destroy()
    await once(first[1], 'close')
    expect((await works('2001:db8::2'))[0]).to.equal(true)
    for (const socket of dialled) socket.destroy()
    server.close()
  })
})
