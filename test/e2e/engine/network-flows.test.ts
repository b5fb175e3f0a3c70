import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { freePort } from '../../free.js'
import { inside, Lab, port } from '../../engine/networks/lab.js'
import type { Peer } from '../../engine/networks/peer.js'

/** Sends by UDP from one port for ever, every 20 ms, and says what comes back. */
const talker = `const s = require('dgram').createSocket('udp4')
s.on('message', (m) => console.log(String(m))).on('error', () => undefined)
s.bind(0, () => setInterval(() => s.send('x', Number(process.argv[2]), process.argv[1], () => undefined), 20))`

/** Connects from one port of its own, as often as it is told to, and says what it is told: the same flow each time. */
const caller = `const [host, port, from] = process.argv.slice(1)
const call = () => { let said = ''
  const c = require('net').connect({ host, port: Number(port), localPort: Number(from), timeout: 3000 })
  c.on('data', (d) => (said += d)).on('error', (e) => (said += e.code)).on('timeout', () => c.destroy(new Error('timeout')))
  c.on('close', () => console.log(said || 'nothing')) }
process.stdin.on('data', call)`

const within = (peer: Peer | undefined): string[] =>
  peer ? ['nsenter', `--net=/proc/${String(peer.pid)}/ns/net`] : ['env']

function start(peer: Peer | undefined, script: string, ...args: string[]) {
  const [command = '', ...words] = [...within(peer), process.execPath, '-e', script, ...args]
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    say: () => child.stdin.write('x'),
    next: async (): Promise<string> => String((await lines.next()).value),
    /** Reads until a line begins so. */
    until: async (name: string): Promise<void> => {
      const late = AbortSignal.timeout(5000)
      const timeout = once(late, 'abort').then(() => undefined)
      for (;;) {
        const line = await Promise.race([lines.next().then(({ value }) => String(value)), timeout])
        if (line === undefined) throw new Error(`nothing came from ${name} within 5 s`)
        if (line.startsWith(`${name} sees`)) return
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const remembered = (address: string): string[] =>
  readFileSync('/proc/net/nf_conntrack', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`src=${address} `))

describe('flows to a port that changes hands', function () {
  if (process.getuid?.() !== 0) return
  let lab: Lab
  let outside: Peer
  let near: string
  beforeEach(async () => {
    lab = await Lab.open()
    outside = await lab.start('outside')
    const link = `bx${lab.config.prefix}`
    const net = `198.18.${String(80 + (parseInt(lab.config.prefix, 16) % 100))}`
    near = `${net}.1`
    execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(outside.pid)])
    execFileSync('ip', ['address', 'add', `${near}/30`, 'dev', link])
    execFileSync('ip', ['link', 'set', link, 'up'])
    inside(outside, 'ip', 'address', 'add', `${net}.2/30`, 'dev', 'eth0')
    inside(outside, 'ip', 'link', 'set', 'eth0', 'up')
  })
  afterEach(() => lab[Symbol.asyncDispose]())

  const places = { 'the host’s loopback': '127.0.0.1', 'the host itself': 'near', 'a neighbour': 'outside' } as const
  const clients = () =>
    Object.values(places).map((place) => ({
      peer: place === 'outside' ? outside : undefined,
      host: place === '127.0.0.1' ? place : near,
    }))
  const udp = (hostPort: number) => port({ protocol: 'udp', hostPort })

  it('by UDP follow it: from the first who publishes it, to the next, and to one much later', async () => {
    const hostPort = await freePort()
    const flows = clients().map(({ peer, host }) => start(peer, talker, host, String(hostPort)))
    try {
      await new Promise((resolve) => setTimeout(resolve, 500)) // they are there before anybody publishes
      const { ipAddress } = await lab.connect('a', 'bridge')
      await lab.publish('a', udp(hostPort))
      for (const flow of flows) await flow.until('a')
      await lab.networks.release('a')
      await lab.connect('b', 'bridge')
      await lab.publish('b', udp(hostPort))
      for (const flow of flows) await flow.until('b')
      expect(remembered(ipAddress)).to.deep.equal([])
      await lab.networks.disconnect('b', 'bridge') // alive, and no longer there
      await new Promise((resolve) => setTimeout(resolve, 300))
      await lab.connect('c', 'other')
      await lab.publish('c', udp(hostPort))
      for (const flow of flows) await flow.until('c')
      // its way out is another now, and its ports go with it
      await lab.connect('c', 'bridge')
      await lab.networks.republish('c', [udp(hostPort)])
      for (const flow of flows) await flow.until('c')
    } finally {
      for (const flow of flows) await flow[Symbol.asyncDispose]()
    }
  })

  it('by UDP follow it over an engine that was away when its container ended', async () => {
    const hostPort = await freePort()
    const flows = clients().map(({ peer, host }) => start(peer, talker, host, String(hostPort)))
    try {
      const { ipAddress } = await lab.connect('a', 'bridge')
      await lab.publish('a', udp(hostPort))
      for (const flow of flows) await flow.until('a')
      await lab.networks[Symbol.asyncDispose]()
      await lab.peer('a')[Symbol.asyncDispose]() // an answer that it still sends would be a flow of its own
      await lab.reopen()
      await lab.networks.restore([])
      expect(remembered(ipAddress)).to.deep.equal([])
      await lab.connect('b', 'bridge')
      await lab.publish('b', udp(hostPort))
      for (const flow of flows) await flow.until('b')
    } finally {
      for (const flow of flows) await flow[Symbol.asyncDispose]()
    }
  })

  it('by UDP stay with a container that lives on while the engine starts anew', async () => {
    const hostPort = await freePort()
    await using flow = start(outside, talker, near, String(hostPort))
    const endpoint = await lab.connect('a', 'bridge')
    const ports = await lab.networks.publish('a', [udp(hostPort)])
    await flow.until('a')
    const before = remembered(endpoint.ipAddress).length
    await lab.networks[Symbol.asyncDispose]()
    await lab.reopen()
    await lab.networks.restore([{ member: lab.member('a'), endpoints: [endpoint], ports }])
    expect(remembered(endpoint.ipAddress).length).to.be.at.least(before)
    await flow.until('a')
  })

  it('by TCP reach whoever has it, from the same port too', async () => {
    const hostPort = await freePort()
    for (const [i, { peer, host }] of clients().entries()) {
      await using flow = start(peer, caller, host, String(hostPort), String(41_000 + i))
      const { ipAddress } = await lab.connect('a', 'bridge')
      await lab.publish('a', port({ hostPort }))
      flow.say()
      expect(await flow.next()).to.match(/^a sees/)
      await lab.networks.release('a')
      expect(remembered(ipAddress)).to.deep.equal([])
      await lab.connect('b', 'bridge')
      await lab.publish('b', port({ hostPort }))
      flow.say()
      expect(await flow.next()).to.match(/^b sees/)
      await lab.networks.release('b')
    }
  })

  it('leave those of others alone', async () => {
    const [first, second] = [await freePort(), await freePort()]
    await using flow = start(outside, talker, near, String(first))
    const { ipAddress } = await lab.connect('a', 'bridge')
    await lab.publish('a', udp(first))
    await flow.until('a')
    await lab.connect('b', 'bridge')
    await lab.publish('b', udp(second))
    await lab.networks.release('b')
    expect(remembered(ipAddress)).to.not.deep.equal([])
    await flow.until('a')
  })
})
