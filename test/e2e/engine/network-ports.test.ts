import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readlink } from 'node:fs/promises'
import { expect } from 'chai'
import { must, run } from '../../run.js'
import { base, eventually, oracle, type DockerEngine } from './harness.js'
import { askTcp, askUdp, openNetworkLab, type NetworkLab } from './network-lab.js'

describe('published ports, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let lab: NetworkLab
  let engine: DockerEngine

  before(async () => {
    lab = await openNetworkLab()
    engine = lab.engine
  })
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.clear())

  it('are TCP and UDP, on chosen addresses and any free port, for the host and for containers', async () => {
    await lab.greet('aa', '-p', '80', '-p', '127.0.0.1::80/udp')
    await lab.greet('bb', '-p', '127.0.0.1::80')
    await engine.must('network', 'create', 'n1')
    await lab.greet('cc', '--network', 'n1')
    const port = await lab.portOf('aa')
    expect(await lab.curl(`http://127.0.0.1:${port}`)).to.include('aa sees')
    const gateway = (await lab.settingsOf('cc', 'n1')).Gateway ?? ''
    expect(await lab.curl(`http://${gateway}:${port}`), 'an address of the host').to.include('aa sees')
    for (const each of ['aa', 'bb', 'cc'])
      expect(await lab.from(each, gateway, port), `from ${each}`).to.include('aa sees')
    const udp = await engine.run('perl', ['-e', askUdp, '127.0.0.1', await lab.portOf('aa', '80/udp')])
    expect(udp.stdout).to.equal('udp aa')
    const own = await lab.portOf('bb')
    expect(await lab.curl(`http://127.0.0.1:${own}`)).to.include('bb sees')
    expect(await lab.curl(`http://${gateway}:${own}`)).to.equal('curl 7')
    expect(await lab.refused('run', '-p', `${port}:80`, base, 'true')).to.include('port is already allocated')
    await engine.must('rm', '-f', 'aa')
    expect(await lab.curl(`http://127.0.0.1:${port}`)).to.equal('curl 7')
  })

  it('are ranges, and what the image exposes with -P', async () => {
    const first = randomInt(20_000, 30_000)
    await lab.greet('aa', '-p', `127.0.0.1:${first}-${first + 1}:80-81`)
    expect(await lab.portsOf('aa', '81/tcp')).to.deep.equal([`127.0.0.1:${first + 1}`])
    expect(await lab.curl(`http://127.0.0.1:${first}`)).to.include('aa sees')
    await lab.greet('bb', '-p', `127.0.0.1:${first}-${first + 9}:80`)
    const next = Number(await lab.portOf('bb'))
    expect(next).to.be.within(first + 2, first + 9)
    await lab.greet('cc', '-P', '--expose', '80')
    expect(await lab.curl(`http://127.0.0.1:${await lab.portOf('cc')}`)).to.include('cc sees')
  })

  it('are published on IPv6 of the host for a container that has none', async () => {
    await lab.greet('aa', '-p', '80')
    const six = (await lab.portsOf('aa')).find((line) => line.includes('::'))
    expect(await lab.curl(`http://[::1]:${six?.split(':').at(-1) ?? ''}`)).to.include('aa sees')
    await lab.greet('bb', '-p', '[::1]::80')
    expect(await lab.curl(`http://[::1]:${await lab.portOf('bb')}`)).to.include('bb sees')
    expect(await lab.curl(`http://127.0.0.1:${await lab.portOf('bb')}`)).to.equal('curl 7')
  })

  it('are reached from another machine, and what is bound to the loopback is not', async function () {
    if (oracle) this.skip() // its own network namespace has no neighbours
    await lab.greet('aa', '-p', '80', '-p', '127.0.0.1::81', '-p', '80/udp')
    const remote = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' })
    const [near, far] = [`bx${process.pid % 1e6}`, `by${process.pid % 1e6}`]
    const inside = (...command: string[]) =>
      run('nsenter', [`--net=/proc/${remote.pid ?? 0}/ns/net`, ...command], { timeoutMs: 20_000 })
    try {
      const own = await readlink('/proc/self/ns/net')
      await eventually(async () => (await readlink(`/proc/${remote.pid ?? 0}/ns/net`)) !== own, 'its own network')
      await must('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', String(remote.pid)])
      await must('ip', ['address', 'add', '198.18.79.1/30', 'dev', near])
      await must('ip', ['link', 'set', near, 'up'])
      await inside('ip', 'address', 'add', '198.18.79.2/30', 'dev', far)
      await inside('ip', 'link', 'set', far, 'up')
      const ask = async (program: string, port: string) =>
        (await inside('perl', '-e', program, '198.18.79.1', port)).stdout
      expect(await ask(askTcp, await lab.portOf('aa'))).to.equal('aa sees 198.18.79.2')
      expect(await ask(askUdp, await lab.portOf('aa', '80/udp'))).to.equal('udp aa')
      expect(await ask(askTcp, await lab.portOf('aa', '81/tcp'))).to.equal('')
    } finally {
      remote.kill('SIGKILL')
      await once(remote, 'exit')
      await run('ip', ['link', 'delete', near])
    }
  })

  it('are shown by port, inspect and ps', async () => {
    const first = randomInt(30_000, 31_000)
    const args = ['-p', `${first}:80`, '-p', `${first}:80/udp`, '-p', `127.0.0.1:${first + 1}:80`, '--expose', '99']
    await engine.must('run', '-d', '--name', 'aa', ...args, base, 'sleep', '600')
    const four = (await lab.lines('port', 'aa')).filter((line) => !/\[::\]|:::/.test(line))
    expect(four).to.have.members([
      `80/tcp -> 0.0.0.0:${first}`,
      `80/tcp -> 127.0.0.1:${first + 1}`,
      `80/udp -> 0.0.0.0:${first}`,
    ])
    expect(await lab.portsOf('aa', '80')).to.include.members([`0.0.0.0:${first}`, `127.0.0.1:${first + 1}`])
    expect(await lab.refused('port', 'aa', '99')).to.match(/No public port '99(\/tcp)?' published for aa/)
    expect(await lab.refused('port', 'nosuch')).to.match(/No such container: nosuch/)
    expect(await engine.must('ps', '--format', '{{.Ports}}')).to.include(`127.0.0.1:${first + 1}->80/tcp`)
    const shown = JSON.parse(await engine.must('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'aa')) as object
    expect(shown).to.have.property('99/tcp', null)
    await engine.must('stop', '-t', '0', 'aa')
    expect(await engine.must('port', 'aa')).to.equal('')
    await engine.must('start', 'aa')
    expect(await lab.portsOf('aa', '80/udp')).to.include(`0.0.0.0:${first}`)
  })

  it('that cannot be had are refused, and nothing is left of the container with --rm', async () => {
    const first = randomInt(31_000, 32_000)
    await lab.greet('aa', '-p', `127.0.0.1:${first}:80`)
    const refused = (...args: string[]) => lab.refused('run', '--rm', ...args, base, 'true')
    expect(await refused('-p', `127.0.0.1:${first}:80`)).to.include(
      `Bind for 127.0.0.1:${first} failed: port is already allocated`,
    )
    expect(await refused('-p', `${first}:80`)).to.match(/port is already allocated|address already in use/)
    expect(await refused('-p', `127.0.0.1:${first}-${first}:80`)).to.match(/already allocated|all ports are allocated/)
    expect(await refused('-p', `198.51.100.7:${first + 1}:80`)).to.include('cannot assign requested address')
    expect(await refused('--network', 'container:aa', '-p', '80')).to.include(
      'conflicting options: port publishing and the container type network mode',
    )
    expect(await lab.lines('ps', '-aq')).to.have.lengthOf(1)
    await engine.must('run', '--rm', '-p', `127.0.0.1:${first}:80/udp`, base, 'true')
  })
})
