import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { expect } from 'chai'
import { readIntroduction } from '../../../src/router/proxy-protocol.js'
import { rawApp, until, type App } from '../parts.js'
import { portsRig, type PortsRig } from './rig.js'

describe('a TCP port of an app', function () {
  this.timeout(30_000)
  let echo: App
  let rig: PortsRig
  beforeEach(async () => {
    echo = await rawApp((socket) => {
      socket.allowHalfOpen = true
      socket.on('data', (data) => socket.write(data)).on('end', () => socket.end('bye'))
    })
    rig = await portsRig('tcp', echo.port, 3)
    await rig.lead([echo.target('one')])
  })
  afterEach(async () => {
    await rig[Symbol.asyncDispose]()
    await echo[Symbol.asyncDispose]()
  })

  const client = (port = rig.port): Socket =>
    connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
  const endOf = async (socket: Socket): Promise<string> => {
    const [error] = (await once(
      socket.on('error', () => undefined),
      'close',
    ).then(
      () => [socket.errored],
      (fault: unknown) => [fault],
    )) as [NodeJS.ErrnoException | null]
    return error?.code ?? 'end'
  }
  const said = async (socket: Socket, words: string): Promise<string> => {
    socket.write(words)
    const [data] = (await once(socket, 'data')) as [Buffer]
    return data.toString()
  }

  it('passes on the end of one direction, and carries on with the other', async () => {
    const socket = client()
    socket.end('hello ')
    expect(await text(socket)).to.equal('hello bye')
  })

  it('waits for whoever reads slowly, and keeps little for them', async () => {
    const slow = await rawApp(() => undefined) // reads nothing
    await rig.lead([slow.target('slow')], { port: { to: slow.port } })
    const socket = client()
    await once(socket, 'connect')
    const piece = Buffer.alloc(1_000_000)
    let taken = 0
    const write = (): void =>
      void socket.write(piece, (error) => {
        if (error) return
        taken += 1
        write()
      })
    write()
    await until(() => taken > 0)
    const settled = async (): Promise<number> => {
      const before = taken
      await new Promise((resolve) => setTimeout(resolve, 300))
      return before === taken ? taken : settled()
    }
    // what the kernel's buffers of both connections take, and no more
    expect(await settled()).to.be.below(40)
    socket.destroy()
    await slow[Symbol.asyncDispose]()
  })

  it('resets a client where nobody listens, and asks another process before', async () => {
    await rig.lead([{ id: 'gone', process: 'web.1', host: '127.0.0.2', port: 1 }, echo.target('one')])
    for (let i = 0; i < 2; i++) {
      const socket = client()
      expect(await said(socket, 'x')).to.equal('x')
      socket.destroy()
    }
    await rig.lead([])
    expect(await endOf(client())).to.equal('ECONNRESET')
  })

  it('resets a client whose process breaks off, and the process where the client does', async () => {
    const socket = client()
    await said(socket, 'x')
    for (const one of echo.sockets) one.resetAndDestroy()
    expect(await endOf(socket)).to.equal('ECONNRESET')
    const other = client()
    await said(other, 'x')
    const [process] = echo.sockets
    other.resetAndDestroy()
    expect(process && (await endOf(process))).to.equal('ECONNRESET')
  })

  it('is counted as a request of its process until it ends, through a change of the route', async () => {
    const socket = client()
    await said(socket, 'x')
    const next = await rawApp((one) => one.end('new'))
    // the same host and another port: two processes on one machine
    await rig.lead([next.target('two')], { port: { to: next.port } })
    expect(rig.table.state('a').busy).to.deep.equal(['one'])
    expect(await text(client())).to.equal('new')
    expect(await said(socket, 'y')).to.equal('y')
    socket.end()
    await until(() => rig.drained.includes('one'))
    expect(rig.table.state('a').busy).to.deep.equal([])
    await next[Symbol.asyncDispose]()
  })

  it('closes with its route, and breaks off what is under way', async () => {
    const socket = client()
    await said(socket, 'x')
    rig.table.remove('a')
    await rig.ports.apply()
    expect(await endOf(socket)).to.equal('ECONNRESET')
    expect(await endOf(client())).to.equal('ECONNREFUSED')
  })

  it('keeps out whom the rules do, and in maintenance everybody', async () => {
    await rig.lead([echo.target('one')], { rules: { allow: ['192.0.2.0/24'] } })
    expect(await endOf(client())).to.equal('ECONNRESET')
    await rig.lead([echo.target('one')], {
      rules: { allow: ['127.0.0.1'], clientRate: { requests: 1, seconds: 1_000 } },
    })
    expect(await said(client(), 'x')).to.equal('x')
    expect(await endOf(client())).to.equal('ECONNRESET')
    await rig.lead([echo.target('one')], { rules: { maintenance: true } })
    expect(await endOf(client())).to.equal('ECONNRESET')
  })

  it('gives one client as many connections as all have', async () => {
    const three = [client(), client(), client()]
    for (const one of three) await said(one, 'x')
    expect(await endOf(client())).to.equal('ECONNRESET')
    three[0]?.end()
    await until(() => echo.sockets.size === 2)
    await until(() => three[0]?.closed === true)
    expect(await said(client(), 'x')).to.equal('x')
  })

  it('says who the client is where the app wants that', async () => {
    await rig.lead([echo.target('one')], { port: { introduced: true } })
    const socket = client()
    socket.end('x')
    const all = await buffer(socket)
    const head = readIntroduction(all)
    expect(head).to.include({ address: '127.0.0.1', port: rig.port })
    expect(all.subarray(typeof head === 'string' ? 0 : head.length).toString()).to.equal('xbye')
  })

  it('leaves to another router what comes, and carries on with what it has', async () => {
    const socket = client()
    await said(socket, 'x')
    const left = rig.ports.leave(20_000)
    expect(await endOf(client())).to.equal('ECONNREFUSED')
    expect(await said(socket, 'y')).to.equal('y')
    socket.end()
    await left
  })
})
