import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { isFault } from '../../../src/engine/errors.js'
import { holdPort, holdPorts } from '../../../src/engine/networks/ports.js'
import type { PortRequest } from '../../../src/engine/records.js'

const request = (hostPort: number, more: Partial<PortRequest> = {}): PortRequest => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp: '0.0.0.0',
  hostPort,
  ...more,
})

/** Where IPv6 is relayed to. */
const nowhere = { address: '127.0.0.1', port: 1 }
const hold = (wanted: PortRequest) => holdPort(wanted, nowhere)

const refusal = async (wanted: PortRequest) => {
  const held = await hold(wanted).catch((error: unknown) => error)
  if (!(held instanceof Error)) throw new Error('the port was held')
  return held
}

describe('holding a port of the host', () => {
  it('chooses a free one for 0, and it is not given twice', async () => {
    const held = await Promise.all(Array.from({ length: 20 }, () => hold(request(0))))
    try {
      expect(new Set(held.map((port) => port.hostPort))).to.have.lengthOf(20)
      expect(held.every((port) => port.hostPort > 1023)).to.equal(true)
    } finally {
      for (const port of held) port.release()
    }
  })

  it('refuses one that another container holds, until it is released', async () => {
    const held = await hold(request(0))
    const { hostPort } = held
    const error = await refusal(request(hostPort))
    expect(error.message).to.equal(`Bind for 0.0.0.0:${hostPort} failed: port is already allocated`)
    expect(isFault(error, 'conflict')).to.equal(true)
    expect((await refusal(request(hostPort, { hostIp: '127.0.0.1' }))).message).to.include('127.0.0.1')
    held.release()
    ;(await hold(request(hostPort))).release()
  })

  it('refuses one that a process listens on', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      expect((await refusal(request(port))).message).to.include('port is already allocated')
    } finally {
      server.close()
    }
  })

  it('keeps UDP and TCP apart', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    const server = createServer().listen(0, '127.0.0.1')
    await Promise.all([once(socket, 'listening'), once(server, 'listening')])
    try {
      const { port } = socket.address()
      expect((await refusal(request(port, { protocol: 'udp' }))).message).to.include('port is already allocated')
      // this way round: the TCP port of any number may be that of a connection of somebody else's
      const taken = (server.address() as AddressInfo).port
      ;(await hold(request(taken, { protocol: 'udp', hostIp: '127.0.0.1' }))).release()
    } finally {
      socket.close()
      server.close()
    }
  })

  it('resets whoever comes before the port is published', async () => {
    const held = await hold(request(0))
    try {
      const [error] = (await once(connect(held.hostPort, '127.0.0.1').resume(), 'error')) as [NodeJS.ErrnoException]
      expect(error.code).to.equal('ECONNRESET')
    } finally {
      held.release()
    }
  })

  it('holds every address of both families under one number, or none', async () => {
    const [four, six] = await holdPorts(request(0, { hostIp: '' }), nowhere)
    expect([four?.hostIp, six?.hostIp]).to.deep.equal(['0.0.0.0', '::'])
    expect(six?.hostPort).to.equal(four?.hostPort)
    const error = await holdPorts(request(four?.hostPort ?? 0, { hostIp: '' }), nowhere).catch((e: unknown) => e)
    four?.release()
    six?.release()
    expect(isFault(error, 'conflict')).to.equal(true)
  })

  it('takes the first free one of a range, and refuses when there is none', async () => {
    const first = await hold(request(0))
    const { hostPort } = first
    try {
      const range = request(hostPort, { hostPortEnd: hostPort + 5 })
      const [next] = await holdPorts(range, nowhere)
      expect(next?.hostPort).to.be.within(hostPort + 1, hostPort + 5)
      next?.release()
      const none = await holdPorts(request(hostPort, { hostPortEnd: hostPort }), nowhere).catch((e: unknown) => e)
      expect(isFault(none, 'conflict')).to.equal(true)
    } finally {
      first.release()
    }
  })

  it('relays what comes by IPv6, both ways and to the end', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.once('end', () => socket.end(' and back'))
      socket.on('data', (chunk) => socket.write(chunk))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const held = await holdPort(request(0, { hostIp: '::1' }), target)
    try {
      const client = connect({ host: '::1', port: held.hostPort, allowHalfOpen: true })
      client.end('there')
      expect(await text(client)).to.equal('there and back')
    } finally {
      held.release()
      server.close()
    }
  })

  it('relays UDP to whoever asked', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    server.on('message', (message, { port, address }) => server.send(`re: ${message.toString()}`, port, address))
    await once(server, 'listening')
    const target = { address: '127.0.0.1', port: server.address().port }
    const held = await holdPort(request(0, { hostIp: '::1', protocol: 'udp' }), target)
    const client = createSocket('udp6')
    try {
      client.send('x', held.hostPort, '::1')
      const [answer] = (await once(client, 'message')) as [Buffer]
      expect(answer.toString()).to.equal('re: x')
    } finally {
      client.close()
      held.release()
      server.close()
    }
  })

  it('refuses names and addresses that are not the host’s', async () => {
    for (const hostIp of ['localhost', '1.2.3'])
      expect(isFault(await refusal(request(0, { hostIp })), 'invalid'), hostIp).to.equal(true)
    expect((await refusal(request(0, { hostIp: '203.0.113.7' }))).message).to.include('cannot assign requested address')
  })
})
