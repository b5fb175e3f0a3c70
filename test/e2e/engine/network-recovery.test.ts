import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { destroyNetworks } from '../../../src/engine/networks/teardown.js'
import { ask } from '../../engine/networks/ask.js'
import { inside, Lab, port, thrownBy } from '../../engine/networks/lab.js'
import { eventually, openEngine, oracle } from './harness.js'
import { askUdp, openNetworkLab } from './network-lab.js'
import { typescript } from '../../run.js'

describe('container networks whose engine dies', function () {
  if (process.getuid?.() !== 0) return
  let lab: Lab
  before(async () => (lab = await Lab.open()))
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.releaseAll())

  it('live on when the engine is gone, and are taken up by the next', async () => {
    const [a, b] = await Promise.all([lab.connect('a', 'bridge'), lab.connect('b', 'other')])
    const bound = await lab.publish('a', port(), port({ hostIp: '127.0.0.1' }))
    await lab.networks[Symbol.asyncDispose]()
    // what a kill would have left: a cable and a bridge that belong to nobody any more
    const { cables, bridges } = lab.names
    execFileSync('ip', ['link', 'add', `${cables}999999999`, 'type', 'veth', 'peer', 'name', `${cables}999999998`])
    execFileSync('ip', ['link', 'add', `${bridges}999999999`, 'type', 'bridge'])
    expect(await ask('127.0.0.1', bound[0].hostPort)).to.match(/^a sees /)

    await lab.reopen()
    await lab.networks.restore([{ member: lab.member('a'), endpoints: [a], ports: bound }])
    expect(await ask('127.0.0.1', bound[0].hostPort)).to.match(/^a sees /)
    expect(lab.left().join('\n')).to.not.include('99999999')
    expect(lab.left().join('\n')).to.not.include(lab.names.veth(b.endpointId))
    const next = await lab.connect('b', 'bridge')
    expect(next.ipAddress).to.not.equal(a.ipAddress)
    const error = await thrownBy(lab.networks.publish('b', [bound[0]]))
    expect(error).to.match(/port is already allocated/)
    await lab.networks.release('a')
    expect(await ask('127.0.0.1', bound[0].hostPort)).to.equal('ECONNREFUSED')
  })

  it('make the table anew when somebody deleted it', async () => {
    await Promise.all([lab.connect('a', 'bridge'), lab.connect('b', 'bridge')])
    const ports = [...(await lab.publish('a', port())), ...(await lab.publish('b', port()))]
    execFileSync('nft', ['delete', 'table', 'inet', lab.names.table])
    await lab.networks.release('a')
    expect(await ask('127.0.0.1', ports[1]?.hostPort ?? 0)).to.match(/^b sees /)
    expect(await ask('127.0.0.1', ports[0]?.hostPort ?? 0)).to.equal('ECONNREFUSED')
  })

  it('replace the table that older engines had', async () => {
    await lab.connect('a', 'bridge')
    const ports = await lab.publish('a', port())
    await lab.networks[Symbol.asyncDispose]()
    const old = `table ip ${lab.names.table}`
    const map = `map ports { type inet_service : ipv4_addr; elements = { ${ports[0].hostPort} : 192.0.2.1 } }`
    const chain = 'chain out { type nat hook output priority -101; fib daddr type local dnat to tcp dport map @ports; }'
    execFileSync('nft', ['-f', '-'], { input: `${old} {\n${map}\n${chain}\n}\n` })
    expect(lab.left()).to.include(old)
    await lab.reopen()
    await lab.networks.restore([])
    expect(lab.left()).to.include(`table inet ${lab.names.table}`)
    expect(lab.left()).to.not.include(old)
    execFileSync('nft', ['add', 'table', 'ip', lab.names.table])
    await lab.networks[Symbol.asyncDispose]()
    await destroyNetworks(lab.config)
    expect(lab.left()).to.deep.equal([])
    await lab.reopen()
    await lab.networks.restore([])
  })

  it('are made anew after a reboot, with the addresses they had', async () => {
    const before = lab.networks.list()
    await lab.connect('a', 'other')
    await lab.networks[Symbol.asyncDispose]()
    await destroyNetworks(lab.config)
    await lab.reopen()
    await lab.networks.restore([])
    expect(lab.networks.list()).to.have.deep.members(before)
    const b = await lab.connect('b', 'other')
    const [{ hostPort }] = await lab.publish('b', port())
    expect(await ask('127.0.0.1', hostPort)).to.equal(`b sees ${b.gateway}`)
  })

  it('come out whole when the engine is killed at any moment', async () => {
    await lab.networks.release('a')
    await lab.networks[Symbol.asyncDispose]()
    const script = fileURLToPath(new URL('../../engine/networks/fixtures/churn.ts', import.meta.url))
    for (let round = 0; round < 6; round++) {
      const task = JSON.stringify([lab.config, lab.peer('a').pid, lab.peer('b').pid])
      const engine = spawn(process.execPath, [typescript, script, task], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(engine.stdout, 'data')
      await sleep(40 + Math.random() * 120)
      engine.kill('SIGKILL')
      await once(engine, 'exit')
    }
    await lab.reopen()
    await lab.networks.restore([])
    const { names } = lab
    const owned = [`table inet ${names.table}`, ...lab.networks.list().map((network) => names.bridge(network))]
    expect(owned).to.include.members(lab.left())
    for (const { name } of lab.networks.list()) if (/^n\d/.test(name)) await lab.networks.remove(name)
    await lab.connect('a', 'bridge')
    const [{ hostPort }] = await lab.publish('a', port())
    expect(await ask('127.0.0.1', hostPort)).to.match(/^a sees /)
    expect(inside(lab.peer('a'), 'ip', '-brief', 'link').match(/^eth/gm)).to.have.lengthOf(1)
  }).timeout(90_000)

  it('leave nothing behind', async () => {
    await lab.connect('a', 'bridge')
    await lab.publish('a', port())
    expect(lab.left()).to.have.length.greaterThan(2)
    await destroyNetworks(lab.config)
    expect(lab.left()).to.deep.equal([])
    await destroyNetworks(lab.config)
  })
})

describe('networks of containers whose engine dies', function () {
  it('work while it is away and after it is back, and are rebuilt after a reboot', async function () {
    if (oracle || process.getuid?.() !== 0) this.skip() // without live-restore dockerd takes its containers with it
    await using lab = await openNetworkLab(await openEngine())
    const { engine } = lab
    const subnet = `10.${randomInt(30, 90)}.${randomInt(250)}`
    await engine.must('network', 'create', '--subnet', `${subnet}.0/24`, 'town')
    const always = ['--network', 'town', '--restart', 'always']
    const port = randomInt(20_000, 30_000)
    const published = ['-p', `127.0.0.1:${port}:80`, '-p', `${port}:80/udp`]
    await lab.greet('db', ...always, '--ip', `${subnet}.7`, '--network-alias', 'store', ...published)
    await lab.greet('web', ...always)
    const udp = async () => (await engine.run('perl', ['-e', askUdp, '127.0.0.1', String(port)])).stdout
    const works = async (): Promise<void> => {
      expect(await lab.curl(`http://127.0.0.1:${port}`)).to.include('db sees')
      expect(await udp()).to.equal('udp db')
      for (const name of ['db', 'store', `${subnet}.7`]) expect(await lab.from('web', name), name).to.match(/^db sees/)
      expect(await lab.lines('port', 'db')).to.include(`80/tcp -> 127.0.0.1:${port}`)
      expect((await lab.settingsOf('db', 'town')).IPAddress).to.equal(`${subnet}.7`)
    }
    await works()
    await engine.stop('SIGKILL')
    expect(await lab.curl(`http://127.0.0.1:${port}`)).to.include('db sees')
    expect(await udp()).to.equal('udp db')
    await engine.boot()
    await works()
    expect(await lab.refused('network', 'rm', 'town')).to.include('has active endpoints')
    await engine.stop('SIGKILL')
    await engine.destroy()
    expect(await lab.curl(`http://127.0.0.1:${port}`)).to.equal('curl 7')
    await engine.boot()
    const answers = async () => (await lab.curl(`http://127.0.0.1:${port}`)).includes('db sees')
    await eventually(answers, 'db, started by its policy')
    await eventually(async () => (await lab.from('web', 'db').catch(() => '')).includes('db sees'), 'web')
    await works()
  })
})
