import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ask } from '../../engine/networks/ask.js'
import { inside, Lab, port } from '../../engine/networks/lab.js'
import type { Peer } from '../../engine/networks/peer.js'

/** Has what is sent to 127.0.0.1 leave the namespace for a neighbour, as somebody with raw sockets could. */
function forgeLoopback(peer: Peer, neighbour: string): void {
  inside(peer, 'ip', 'address', 'flush', 'dev', 'lo')
  inside(peer, 'sh', '-c', 'for knob in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 1 >$knob; done')
  inside(peer, 'ip', 'route', 'add', '127.0.0.0/8', 'via', neighbour)
}

describe('the walls between container networks', function () {
  if (process.getuid?.() !== 0) return
  let lab: Lab
  before(async () => (lab = await Lab.open()))
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.releaseAll())

  it('let members meet under their own addresses, and keep other networks out', async () => {
    const [a, b, c] = await Promise.all([
      lab.connect('a', 'bridge'),
      lab.connect('b', 'bridge'),
      lab.connect('c', 'other'),
    ])
    expect(await lab.peer('b').ask(a.ipAddress, 80)).to.equal(`a sees ${b.ipAddress}`)
    expect(await lab.peer('c').ask(a.ipAddress, 80)).to.equal('TIMEOUT')
    expect(await lab.peer('a').ask(c.ipAddress, 80)).to.equal('TIMEOUT')
  })

  it('hide containers behind the host’s address on their way out', async () => {
    // A machine of the outside: a namespace of its own on a veth, which knows no way back but to the host.
    const outside = await lab.start('outside')
    const link = `bx${lab.config.prefix}`
    execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(outside.pid)])
    try {
      execFileSync('ip', ['address', 'add', '198.18.77.1/30', 'dev', link])
      execFileSync('ip', ['link', 'set', link, 'up'])
      inside(outside, 'ip', 'address', 'add', '198.18.77.2/30', 'dev', 'eth0')
      inside(outside, 'ip', 'link', 'set', 'eth0', 'up')
      const a = await lab.connect('a', 'bridge')
      await lab.connect('c', 'inner')
      expect(await lab.peer('a').ask('198.18.77.2', 80)).to.equal('outside sees 198.18.77.1')
      expect(await lab.peer('c').ask('198.18.77.2', 80)).to.equal('ENETUNREACH')
      const [{ hostPort }] = await lab.publish('a', port())
      expect(await outside.ask('198.18.77.1', hostPort)).to.equal('a sees 198.18.77.2')
      // and nobody walks in but by a published port: not to the container itself, not to the host's loopback
      const [loopback] = await lab.publish('a', port({ hostIp: '127.0.0.1' }))
      inside(outside, 'ip', 'route', 'add', `${a.ipAddress}/32`, 'via', '198.18.77.1')
      expect(await outside.ask(a.ipAddress, 80)).to.equal('TIMEOUT')
      forgeLoopback(outside, '198.18.77.1')
      expect(await outside.ask('127.0.0.1', loopback.hostPort)).to.equal('TIMEOUT')
    } finally {
      execFileSync('ip', ['link', 'delete', link])
    }
  })

  it('do not lead to the loopback of the host', async () => {
    const server = createServer((socket) => socket.end('secret')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const d = await lab.connect('d', 'bridge')
    await lab.connect('a', 'bridge')
    try {
      forgeLoopback(lab.peer('d'), d.gateway)
      expect(await lab.peer('d').ask('127.0.0.1', (server.address() as AddressInfo).port)).to.equal('TIMEOUT')
      const [{ hostPort }] = await lab.publish('a', port({ hostIp: '127.0.0.1' }))
      expect(await lab.peer('d').ask('127.0.0.1', hostPort)).to.equal('TIMEOUT')
    } finally {
      server.close()
    }
  })

  it('do not lead to other private bridges of the host', async () => {
    const stranger = await lab.start('stranger')
    const [bridge, cable] = [`by${lab.config.prefix}`, `bz${lab.config.prefix}`]
    const ip = (...args: string[]) => execFileSync('ip', args)
    ip('link', 'add', bridge, 'type', 'bridge')
    try {
      ip('address', 'add', '198.18.78.1/24', 'dev', bridge)
      ip('link', 'set', bridge, 'up')
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(stranger.pid))
      ip('link', 'set', cable, 'master', bridge, 'up')
      inside(stranger, 'ip', 'address', 'add', '198.18.78.2/24', 'dev', 'eth0')
      inside(stranger, 'ip', 'link', 'set', 'eth0', 'up')
      inside(stranger, 'ip', 'route', 'add', 'default', 'via', '198.18.78.1')
      const a = await lab.connect('a', 'bridge')
      expect(await ask('198.18.78.2', 80)).to.equal('stranger sees 198.18.78.1')
      expect(await lab.peer('a').ask('198.18.78.2', 80)).to.equal('TIMEOUT')
      expect(await stranger.ask(a.ipAddress, 80)).to.equal('TIMEOUT')
    } finally {
      ip('link', 'delete', bridge)
    }
  })
})
