import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { isFault } from '../../../src/engine/errors.js'
import { holdPort } from '../../../src/engine/networks/ports.js'
import type { PortRequest } from '../../../src/engine/records.js'

const request = (hostPort: number, more: Partial<PortRequest> = {}): PortRequest => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp: '',
  hostPort,
  ...more,
})

const refusal = async (wanted: PortRequest) => {
  const held = await holdPort(wanted).catch((error: unknown) => error)
  if (!(held instanceof Error)) throw new Error('the port was held')
  return held
}

describe('holding a port of the host', () => {
  it('chooses a free one for 0, and it is not given twice', async () => {
    const held = await Promise.all(Array.from({ length: 20 }, () => holdPort(request(0))))
    try {
      expect(new Set(held.map((port) => port.hostPort))).to.have.lengthOf(20)
      expect(held.every((port) => port.hostPort > 1023)).to.equal(true)
    } finally {
      for (const port of held) port.release()
    }
  })

  it('refuses one that another container holds, until it is released', async () => {
    const held = await holdPort(request(0))
    const { hostPort } = held
    const error = await refusal(request(hostPort))
    expect(error.message).to.equal(`Bind for 0.0.0.0:${hostPort} failed: port is already allocated`)
    expect(isFault(error, 'conflict')).to.equal(true)
    expect((await refusal(request(hostPort, { hostIp: '127.0.0.1' }))).message).to.include('127.0.0.1')
    held.release()
    ;(await holdPort(request(hostPort))).release()
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
    await once(socket, 'listening')
    try {
      const { port } = socket.address()
      expect((await refusal(request(port, { protocol: 'udp' }))).message).to.include('port is already allocated')
      // of one address: elsewhere on the host somebody may be using the TCP port of this number
      ;(await holdPort(request(port, { hostIp: '127.0.0.1' }))).release()
    } finally {
      socket.close()
    }
  })

  it('resets whoever comes before the port is published', async () => {
    const held = await holdPort(request(0))
    try {
      const [error] = (await once(connect(held.hostPort, '127.0.0.1').resume(), 'error')) as [NodeJS.ErrnoException]
      expect(error.code).to.equal('ECONNRESET')
    } finally {
      held.release()
    }
  })

  it('refuses names, IPv6 and addresses that are not the host’s', async () => {
    for (const hostIp of ['localhost', '::', '::1', '1.2.3'])
      expect(isFault(await refusal(request(0, { hostIp })), 'invalid'), hostIp).to.equal(true)
    expect((await refusal(request(0, { hostIp: '203.0.113.7' }))).message).to.include('cannot assign requested address')
  })
})
