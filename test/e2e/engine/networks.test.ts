import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { isFault } from '../../../src/engine/errors.js'
import { ask } from '../../engine/networks/ask.js'
import { inside, Lab, port, spec, thrownBy } from '../../engine/networks/lab.js'
import { startPeer } from '../../engine/networks/peer.js'

describe('container networks', function () {
  if (process.getuid?.() !== 0) return
  let lab: Lab
  before(async () => (lab = await Lab.open()))
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.releaseAll())

  it('give a container an address, a way out and nothing of IPv6', async () => {
    const endpoint = await lab.connect('a', 'default')
    expect(endpoint).to.include({ networkName: 'bridge', prefixLength: 24 })
    expect(inside(lab.peer('a'), 'ip', '-brief', 'address')).to.match(
      new RegExp(`^eth0@\\S+ +UP +${endpoint.ipAddress}/24 *$`, 'm'),
    )
    expect(inside(lab.peer('a'), 'ip', '-brief', 'link')).to.include(endpoint.macAddress)
    expect(inside(lab.peer('a'), 'ip', 'route')).to.include(`default via ${endpoint.gateway} dev eth0`)
    expect(await ask(endpoint.ipAddress, 80)).to.equal(`a sees ${endpoint.gateway}`)
    expect(await lab.peer('a').ask('127.0.0.1', 80)).to.equal('a sees 127.0.0.1')
  })

  it('publish a port on every address, and to every container', async () => {
    const a = await lab.connect('a', 'bridge')
    await lab.connect('b', 'bridge')
    await lab.connect('c', 'other')
    const [{ hostPort }] = await lab.publish('a', port())
    expect(await ask('127.0.0.1', hostPort)).to.equal(`a sees ${a.gateway}`)
    expect(await ask(lab.hostAddress(), hostPort)).to.match(/^a sees /)
    for (const from of ['b', 'c', 'a'] as const) {
      expect(await lab.peer(from).ask(lab.hostAddress(), hostPort), `from ${from}`).to.match(/^a sees /)
      expect(await lab.peer(from).ask(a.gateway, hostPort), `from ${from} by the gateway`).to.match(/^a sees /)
    }
    await lab.networks.release('a')
    expect(await ask('127.0.0.1', hostPort)).to.equal('ECONNREFUSED')
  })

  it('publish a port on one address alone', async () => {
    const a = await lab.connect('a', 'bridge')
    await lab.connect('b', 'bridge')
    const [{ hostPort }] = await lab.publish('a', port({ hostIp: '127.0.0.1' }))
    expect(await ask('127.0.0.1', hostPort)).to.match(/^a sees /)
    expect(await ask(lab.hostAddress(), hostPort)).to.equal('ECONNREFUSED')
    expect(await lab.peer('b').ask(a.gateway, hostPort)).to.equal('ECONNREFUSED')
  })

  it('publish UDP', async () => {
    await lab.connect('a', 'bridge')
    const [{ hostPort }] = await lab.publish('a', port({ protocol: 'udp' }))
    const socket = createSocket('udp4')
    try {
      socket.send('x', hostPort, '127.0.0.1')
      const [answer] = (await once(socket, 'message')) as [Buffer]
      expect(answer.toString()).to.match(/^a sees /)
    } finally {
      socket.close()
    }
  })

  it('refuse a taken port, and then publish none of the others', async () => {
    const [, b] = await Promise.all([lab.connect('a', 'bridge'), lab.connect('b', 'bridge')])
    const [{ hostPort }] = await lab.publish('a', port())
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      for (const taken of [hostPort, (server.address() as AddressInfo).port]) {
        const [{ hostPort: free }] = await lab.publish('b', port())
        await lab.networks.disconnect('b', b.networkId)
        Object.assign(b, await lab.connect('b', 'bridge'))
        const error = await thrownBy(lab.networks.publish('b', [port({ hostPort: free }), port({ hostPort: taken })]))
        expect(isFault(error, 'conflict')).to.equal(true)
        expect(String(error)).to.include(`Bind for 0.0.0.0:${taken} failed: port is already allocated`)
        expect(await ask('127.0.0.1', free)).to.equal('ECONNREFUSED')
      }
    } finally {
      server.close()
    }
  })

  it('may be joined and left while the container runs', async () => {
    const first = await lab.connect('a', 'bridge')
    const second = await lab.connect('a', 'other', { aliases: ['x'] })
    await lab.connect('c', 'other')
    // not by their names, of which those that are just being left are taken until they have gone
    const addresses = inside(lab.peer('a'), 'ip', '-brief', 'address')
    expect(addresses).to.include(`${first.ipAddress}/`).and.to.include(`${second.ipAddress}/`)
    expect(await lab.peer('c').ask(second.ipAddress, 80)).to.match(/^a sees /)
    expect(await thrownBy(lab.connect('a', 'other'))).to.match(/already exists in network/)
    await lab.networks.disconnect('a', 'other')
    expect(await lab.peer('c').ask(second.ipAddress, 80)).to.be.oneOf(['EHOSTUNREACH', 'TIMEOUT'])
    expect(await ask(first.ipAddress, 80)).to.match(/^a sees /)
    const gone = await thrownBy(lab.networks.disconnect('a', 'other'))
    expect(gone).to.match(/is not connected to network other/)
  }).timeout(20_000)

  it('let twenty containers come at once, each with its own address', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const spawned = await Promise.all(names.slice(0, 4).map((name) => startPeer(name)))
    try {
      const rounds = names.map((name, i) => {
        const peer = spawned[i % spawned.length]
        return lab.networks.connect(
          { id: name, pid: peer?.pid ?? 0, names: [name], servers: [] },
          { network: 'bridge', aliases: [] },
        )
      })
      const endpoints = await Promise.all(rounds)
      expect(new Set(endpoints.map((endpoint) => endpoint.ipAddress))).to.have.lengthOf(names.length)
    } finally {
      await Promise.all(names.map((name) => lab.networks.release(name)))
      await Promise.all(spawned.map((peer) => peer[Symbol.asyncDispose]()))
    }
  })

  it('have nothing left of a container that could not be connected', async () => {
    const before = lab.left()
    const error = await thrownBy(
      lab.networks.connect({ ...lab.member('a'), pid: 2 ** 22 + 1 }, { network: 'bridge', aliases: [] }),
    )
    expect(error).to.match(/cannot connect container a to network bridge/)
    expect(lab.left().filter((line) => !before.includes(line))).to.deep.equal([])
    const wish = { ipv4Address: lab.config.pool.replace('0.0/16', '0.200') }
    expect(await thrownBy(lab.connect('a', 'bridge', wish))).to.match(/supported on user defined networks only/)
    expect(await thrownBy(lab.connect('a', 'other', wish))).to.match(/networks with user configured subnets/)
  })

  it('cannot be removed under a container’s feet', async () => {
    await lab.networks.create(spec('brief'))
    await lab.connect('a', 'brief')
    const error = await thrownBy(lab.networks.remove('brief'))
    expect(error).to.match(/error while removing network: network brief id [0-9a-f]{64} has active endpoints/)
    await lab.networks.release('a')
    const { id } = await lab.networks.remove('brief')
    expect(lab.left()).to.not.include(lab.names.bridge({ id, options: {} }))
  })
})
