import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { buildsNetwork } from '../../../src/engine/networks/catalog.js'
import { parseReach } from '../../../src/engine/networks/reach.js'
import { ask } from '../../engine/networks/ask.js'
import { inside, Lab, port, spec } from '../../engine/networks/lab.js'
import type { Peer } from '../../engine/networks/peer.js'
import { must } from '../../run.js'

/** What a member of a shut network is told of a place that it may not reach: as where nobody listens. */
const shut = 'ECONNREFUSED'

/** What is said there, after a second and third look: a busy machine may take longer than a peer waits. */
async function said(peer: Peer, host: string, number: number): Promise<string> {
  let answer = ''
  for (let tries = 0; tries < 3; tries++) {
    answer = await peer.ask(host, number)
    if (answer !== 'TIMEOUT') return answer
  }
  return answer
}

/** A service of the host on every address of both families, TCP and UDP on one port. */
async function openService() {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('the host')
  }).listen(0, '::')
  await once(server, 'listening')
  const { port: number } = server.address() as AddressInfo
  const heard: string[] = []
  const socket = createSocket('udp6').on('message', (message) => heard.push(message.toString()))
  socket.bind(number, '::')
  await once(socket, 'listening')
  return {
    port: number,
    heard,
    [Symbol.asyncDispose]: async () => {
      socket.close()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Every address of this machine that a packet of a neighbour may bear: of all its interfaces, bridges among them. */
const addressesOfHost = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address)

/** A machine of the outside that has addresses of clouds; disposing takes the way to it away. */
async function openCloud(lab: Lab) {
  const addresses = ['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200']
  const outside = await lab.start('cloud')
  const link = `bx${lab.config.prefix}`
  const ip = (...words: string[]) => execFileSync('ip', words)
  ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(outside.pid))
  ip('address', 'add', '198.18.79.1/30', 'dev', link)
  ip('link', 'set', link, 'up')
  inside(outside, 'ip', 'address', 'add', '198.18.79.2/30', 'dev', 'eth0')
  inside(outside, 'ip', 'link', 'set', 'eth0', 'up')
  for (const address of addresses) {
    inside(outside, 'ip', 'address', 'add', `${address}/32`, 'dev', 'eth0')
    ip('route', 'add', `${address}/32`, 'via', '198.18.79.2', 'dev', link)
  }
  return { addresses, [Symbol.dispose]: () => void ip('link', 'delete', link) }
}

describe('what apps and builds reach of the host', function () {
  if (process.getuid?.() !== 0) return
  let lab: Lab
  afterEach(() => lab[Symbol.asyncDispose]())

  /** A network of an app, one that is nobody's, and what is on them: `a` an app, `b` a build, `c` a plain container. */
  const open = async (reach: string): Promise<void> => {
    lab = await Lab.open({ reach: parseReach(reach) })
    await lab.networks.create(spec('app', { labels: { 'berth.app': 'one' }, ipv6: {} }))
    await lab.networks.create(spec('plain', { ipv6: {} }))
    await lab.connect('a', 'app')
    await lab.connect('b', buildsNetwork)
    await lab.connect('c', 'plain')
  }

  it('is nothing that listens there, on whatever address, v4 or v6', async () => {
    await open('')
    await using service = await openService()
    const addresses = addressesOfHost()
    expect(addresses.filter((address) => address.startsWith(lab.config.pool.slice(0, 5))).length).to.be.greaterThan(2)
    for (const address of addresses) {
      const mapped = address.includes(':') ? [] : [`::ffff:${address}`]
      for (const each of [address, ...mapped]) {
        if (!each.includes(':') || each.startsWith('::ffff:'))
          expect(await said(lab.peer('b'), each, service.port), `a build asks ${each}`).to.equal(shut)
        expect(await said(lab.peer('a'), each, service.port), `an app asks ${each}`).to.equal(shut)
      }
      inside(lab.peer('a'), 'bash', '-c', `echo app > /dev/udp/${address}/${String(service.port)} || true`)
    }
    // the loopback is their own
    for (const own of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0'])
      for (const name of ['a', 'b']) expect(await lab.peer(name).ask(own, service.port)).to.equal('ECONNREFUSED')
    // plain docker's reach it, as with docker
    const four = lab.hostAddress()
    expect(await said(lab.peer('c'), four, service.port)).to.equal('the host')
    inside(lab.peer('c'), 'bash', '-c', `echo plain > /dev/udp/${four}/${String(service.port)}`)
    while (service.heard.length === 0) await sleep(10)
    expect(service.heard).to.deep.equal(['plain\n'])
  })

  it('is no port that others publish there, and no other build', async () => {
    await open('')
    await lab.connect('d', buildsNetwork)
    const [{ hostPort }] = await lab.publish('c', port())
    const { gateway } = await lab.connect('c', 'bridge')
    for (const address of [lab.hostAddress(), gateway])
      for (const name of ['a', 'b']) expect(await said(lab.peer(name), address, hostPort)).to.equal(shut)
    const d = lab.networks
      .endpoints((await lab.networks.connect(lab.member('d'), { network: 'plain', aliases: [] })).networkId)
      .get('d')
    expect(d?.ipAddress).to.be.a('string')
    const neighbour =
      inside(lab.peer('d'), 'ip', '-4', '-o', 'address', 'show', 'eth0').match(/inet ([\d.]+)/)?.[1] ?? ''
    expect(await said(lab.peer('b'), neighbour, 80)).to.be.oneOf(['TIMEOUT', 'EHOSTUNREACH'])
  })

  it('does answer: what the host asks of them, and names', async () => {
    await open('')
    const a = [...lab.networks.endpoints(lab.networks.get('app').id).values()][0]
    const [{ hostPort }] = await lab.publish('a', port())
    expect(await ask(a?.ipAddress ?? '', 80)).to.match(/^a sees/)
    expect(await ask(lab.hostAddress(), hostPort)).to.match(/^a sees/)
    for (const name of ['a', 'b']) {
      const script = `const r = new (require('dns').Resolver)({ timeout: 5000, tries: 1 }); r.setServers(['127.0.0.11']);
        r.resolve4('localhost.invalid', (e) => console.log(e ? e.code : 'found'))`
      const said = await must('nsenter', [
        `--net=/proc/${String(lab.peer(name).pid)}/ns/net`,
        process.execPath,
        '-e',
        script,
      ])
      expect(said, `${name} asks its name server`).to.not.be.oneOf(['ETIMEOUT', 'ECONNREFUSED'])
    }
  })

  it('is no metadata of a cloud', async () => {
    await open('host')
    using cloud = await openCloud(lab)
    for (const address of cloud.addresses) {
      expect(await said(lab.peer('c'), address, 80), `plain docker asks ${address}`).to.match(/^cloud sees/)
      for (const name of ['a', 'b'])
        for (const each of [address, `::ffff:${address}`])
          expect(await said(lab.peer(name), each, 80), `${name} asks ${each}`).to.equal(shut)
    }
    for (const six of ['fd00:ec2::254', 'fd20:ce::254', '64:ff9b::a9fe:a9fe'])
      expect(await said(lab.peer('a'), six, 80), six).to.be.oneOf([shut, 'EINVAL'])
    expect(await said(lab.peer('a'), '198.18.79.2', 80)).to.match(/^cloud sees/)
  })

  it('is nothing on the link itself, where metadata may be answered from the host', async () => {
    await open('')
    await using service = await openService()
    const bridges = Object.keys(networkInterfaces()).filter((name) => name.startsWith(`bt${lab.config.prefix}`))
    expect(bridges.length).to.be.greaterThan(1)
    for (const bridge of bridges) execFileSync('ip', ['address', 'add', 'fe80::a9fe:a9fe/64', 'dev', bridge, 'nodad'])
    const [address, { port: number }] = ['fe80::a9fe:a9fe%eth0', service]
    expect(await said(lab.peer('c'), address, number), 'plain docker').to.equal('the host')
    expect(await said(lab.peer('a'), address, number), 'an app').to.equal(shut)
    expect(await said(lab.peer('b'), address, number), 'a build, whose network has no IPv6').to.equal('ENETUNREACH')
  })

  it('is what its owner opens: one port', async () => {
    await using service = await openService()
    await using other = await openService()
    await open(`host:${String(service.port)}`)
    const [{ hostPort }] = await lab.publish('c', port())
    for (const name of ['a', 'b']) {
      expect(await said(lab.peer(name), lab.hostAddress(), service.port)).to.equal('the host')
      expect(await said(lab.peer(name), lab.hostAddress(), other.port)).to.equal(shut)
      expect(await said(lab.peer(name), lab.hostAddress(), hostPort)).to.equal(shut)
      expect(await said(lab.peer(name), '169.254.169.254', 80)).to.equal(shut)
    }
  })

  it('is what its owner opens: a published port', async () => {
    await open('host:38471')
    await lab.publish('c', port({ hostPort: 38471 }))
    for (const name of ['a', 'b']) expect(await said(lab.peer(name), lab.hostAddress(), 38471)).to.match(/^c sees/)
  })

  it('is what its owner opens: all of the host, or its metadata', async () => {
    await using service = await openService()
    await open('host, link-local')
    using cloud = await openCloud(lab)
    const [{ hostPort }] = await lab.publish('c', port())
    for (const name of ['a', 'b']) {
      expect(await said(lab.peer(name), lab.hostAddress(), service.port)).to.equal('the host')
      expect(await said(lab.peer(name), lab.hostAddress(), hostPort)).to.match(/^c sees/)
      expect(await said(lab.peer(name), cloud.addresses[0] ?? '', 80)).to.match(/^cloud sees/)
    }
  })

  it('stays as it is when the engine starts anew', async () => {
    await open('')
    await using service = await openService()
    await lab.networks[Symbol.asyncDispose]()
    await lab.reopen()
    await lab.networks.restore([])
    await lab.connect('a', 'app')
    await lab.connect('d', buildsNetwork)
    expect(lab.networks.list().map(({ name }) => name)).to.not.include(buildsNetwork)
    for (const name of ['a', 'd']) expect(await said(lab.peer(name), lab.hostAddress(), service.port)).to.equal(shut)
  })
})
