import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  inheritDatagrams,
  inheritListener,
  openDatagrams,
  openListener,
  openUnixListener,
} from '../../src/serve/socket.js'
import { freePort } from '../free.js'

describe('a listening socket', () => {
  it('keeps connections waiting until somebody accepts', async () => {
    const port = await freePort()
    const listener = openListener(port) // the server closes the descriptor with itself
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const server = createServer((accepted) => accepted.end('hello')).listen({ fd: listener.fd })
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).to.equal('hello')
    server.close()
  })

  it('is taken over from the process that has it, with what waits in it', async () => {
    const port = await freePort()
    const listener = openListener(port)
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', 'ignore', listener.fd] })
    await once(holder, 'spawn')
    const pid = holder.pid ?? 0
    expect(inheritListener(pid, port + 1), 'of another port').to.equal(null)
    expect(inheritListener(pid, 0), 'of a path').to.equal(null)
    expect(inheritListener(2 ** 22 + 1, port), 'of no process').to.equal(null)
    const inherited = inheritListener(pid, port)
    listener[Symbol.dispose]()
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const server = createServer((accepted) => accepted.end('hello')).listen({ fd: inherited?.fd })
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).to.equal('hello')
    server.close()
  })

  it('of UDP is told from one of TCP on the same port, and is taken over by itself', async () => {
    const port = await freePort()
    using tcp = openListener(port)
    using udp = openDatagrams(port)
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', tcp.fd, udp.fd] })
    await once(holder, 'spawn')
    const pid = holder.pid ?? 0
    using inherited = inheritDatagrams(pid, port)
    expect(inherited).to.not.equal(null)
    expect(inheritDatagrams(pid, port + 1), 'of another port').to.equal(null)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const other = createSocket('udp6')
    other.bind(port)
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('EADDRINUSE')
    other.close()
    const taken = createSocket('udp4').bind(0)
    await once(taken, 'listening')
    expect(() => openDatagrams(taken.address().port)).to.throw(/UDP port \d+ is taken/)
    taken.close()
  })

  it('is not opened for IPv4 alone where another has the port for IPv6', async () => {
    const server = createServer().listen({ port: 0, host: '::', ipv6Only: true })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(() => openListener(port)).to.throw(`port ${port} is taken`)
    server.close()
  })

  it('answers on IPv4 and IPv6', async () => {
    const port = await freePort()
    const listener = openListener(port)
    for (const host of ['127.0.0.1', '::1']) {
      const socket = connect(port, host)
      await once(socket, 'connect')
      socket.destroy()
    }
    listener[Symbol.dispose]()
  })

  it('of a path takes the place of what lies there, for its owner and group', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-socket-'))
    const path = join(dir, 'api.sock')
    await writeFile(path, 'left by a killed process')
    const listener = openUnixListener(path, { uid: 65534, gid: 65534 })
    const { mode, uid } = await stat(path)
    expect([mode & 0o777, uid]).to.deep.equal([0o660, 65534])
    const socket = connect(path)
    await once(socket, 'connect')
    socket.destroy()
    listener[Symbol.dispose]()
    expect(() => openUnixListener(join(dir, 'x'.repeat(100)), { uid: 0, gid: 0 })).to.throw('longer than 107 bytes')
    await rm(dir, { recursive: true })
  })

  it('says that the port is taken', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(() => openListener(port)).to.throw(`port ${port} is taken`)
    server.close()
  })
})
