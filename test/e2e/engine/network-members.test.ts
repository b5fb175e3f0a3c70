import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { base, eventually, oracle, type DockerEngine } from './harness.js'
import { askTcp, openNetworkLab, type NetworkLab } from './network-lab.js'

describe('members of networks, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let lab: NetworkLab
  let engine: DockerEngine
  const [x, y] = [randomInt(30, 90), randomInt(250)]
  const four = (n: number, last: number) => `10.${x}.${(y + n) % 250}.${last}`

  before(async () => {
    lab = await openNetworkLab()
    engine = lab.engine
  })
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.clear())

  it('have IPv6 where asked', async () => {
    const six = `fd${randomInt(16, 256).toString(16)}:${randomInt(4096, 65_536).toString(16)}:7`
    await engine.must('network', 'create', '--ipv6', '--subnet', `${six}::/64`, 'n6')
    expect(await lab.networkOf('.EnableIPv6', 'n6')).to.equal(true)
    await lab.greet('aa', '--network', 'n6', '--ip6', `${six}::77`, '-p', '80')
    await lab.greet('bb', '--network', 'n6')
    expect((await lab.settingsOf('aa', 'n6')).GlobalIPv6Address).to.equal(`${six}::77`)
    const routes = await engine.must('exec', 'bb', 'cat', '/proc/net/ipv6_route')
    expect(routes, 'a default route').to.match(/^0{32} 00 0{32} 00 fd[0-9a-f]{30} .* eth0$/m)
    expect(await lab.from('bb', `${six}::77`)).to.match(new RegExp(`^aa sees ${six}::`))
    expect(await engine.must('exec', 'bb', 'getent', 'ahostsv6', 'aa')).to.include(`${six}::77`)
    const port =
      (await lab.portsOf('aa'))
        .find((line) => line.includes('::'))
        ?.split(':')
        .at(-1) ?? ''
    expect(await lab.curl(`http://[${six}::1]:${port}`), 'the host’s own address').to.include('aa sees')
    expect(await lab.curl(`http://[::1]:${port}`)).to.include('aa sees')
  })

  it('are joined and left while the container runs, and it goes out by what is left', async () => {
    await engine.must('network', 'create', 'n1')
    await engine.must('network', 'create', 'n2')
    await lab.greet('aa', '--network', 'n2', '-p', '127.0.0.1::80')
    await lab.greet('bb', '--network', 'n1')
    const way = async () =>
      (/^eth\d\t0{8}\t([0-9A-F]{8})/m.exec(await engine.must('exec', 'aa', 'cat', '/proc/net/route')) ?? [])[1]
    const hex = (dotted = '') => Buffer.from(dotted.split('.').map(Number).reverse()).toString('hex').toUpperCase()
    await engine.must('network', 'connect', 'n1', 'aa')
    expect(await lab.from('bb', 'aa')).to.include('aa sees')
    expect(await engine.must('exec', 'aa', 'cat', '/proc/net/dev')).to.match(/eth0:[^]*eth1:/)
    expect(await way(), 'the first by name').to.equal(hex((await lab.settingsOf('aa', 'n1')).Gateway))
    expect(await lab.refused('network', 'connect', 'n1', 'aa')).to.include('already exists in network n1')
    await engine.must('network', 'disconnect', 'n1', 'aa')
    expect(await lab.from('bb', 'aa')).to.equal('nothing')
    expect(await way()).to.equal(hex((await lab.settingsOf('aa', 'n2')).Gateway))
    expect(await lab.curl(`http://127.0.0.1:${await lab.portOf('aa')}`)).to.include('aa sees')
    expect(await lab.refused('network', 'disconnect', 'n1', 'aa')).to.include('is not connected to')
  })

  it('that are internal lead nowhere else', async () => {
    await engine.must('network', 'create', '--internal', 'in')
    await lab.greet('aa', '--network', 'in', '-p', '80')
    await lab.greet('bb', '--network', 'in')
    expect(await lab.from('bb', 'aa')).to.include('aa sees')
    // dockerd 20.10 leaves the route and drops the packets
    if (!oracle) expect(await engine.must('exec', 'aa', 'cat', '/proc/net/route')).to.not.match(/^eth\d\t0{8}\t/m)
    expect(await engine.must('port', 'aa')).to.equal('')
  })

  it('take the bridge driver’s options', async () => {
    const bridge = `br${randomInt(1e6)}`
    const options = { name: bridge, host_binding_ipv4: '127.0.0.1', enable_icc: 'true' }
    const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `com.docker.network.bridge.${key}=${value}`])
    await engine.must('network', 'create', ...flags, 'n1')
    await lab.greet('aa', '--network', 'n1', '-p', '80')
    expect((await engine.run('cat', [`/sys/class/net/${bridge}/operstate`])).code).to.equal(oracle ? 1 : 0)
    expect(await lab.portsOf('aa')).to.have.lengthOf(1)
    expect((await lab.portsOf('aa'))[0]).to.match(/^127\.0\.0\.1:/)
    await engine.must('rm', '-f', 'aa')
    await engine.must('network', 'rm', 'n1')
  })

  it('keep members apart when told so', async function () {
    if (oracle) this.skip() // needs the br_netfilter module, which a namespace of its own does not get
    await engine.must('network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', 'n1')
    await lab.greet('aa', '--network', 'n1', '-p', '80')
    await lab.greet('bb', '--network', 'n1')
    expect(await lab.from('bb', 'aa')).to.equal('nothing')
    expect(await lab.curl(`http://127.0.0.1:${await lab.portOf('aa')}`)).to.include('aa sees')
  })

  it('of the host, of none and of another container', async () => {
    expect(await lab.refused('network', 'rm', 'bridge')).to.include('pre-defined network and cannot be removed')
    await lab.greet('aa', '--network', 'none')
    expect(await engine.must('exec', 'aa', 'cat', '/proc/net/dev')).to.not.include('eth0')
    expect(await lab.refused('network', 'connect', 'bridge', 'aa')).to.include('private (none) mode')
    await lab.greet('bb')
    const there = await engine.must(
      'run',
      '--rm',
      '--network',
      'container:bb',
      base,
      'perl',
      '-e',
      askTcp,
      '127.0.0.1',
      '80',
    )
    expect(there).to.equal('bb sees 127.0.0.1')
    await engine.must('run', '-d', '--name', 'hh', '--network', 'host', base, 'sleep', '600')
    expect(await lab.refused('network', 'connect', 'bridge', 'hh')).to.include(
      'cannot be connected to any other network',
    )
  })

  it('are joined with addresses, aliases and links of choice', async () => {
    await engine.must('network', 'create', '--subnet', `${four(0, 0)}/24`, 'n1')
    await lab.greet('aa', '--network', 'n1')
    await lab.greet('bb')
    const joined = ['--ip', four(0, 45), '--alias', 'second', '--link', 'aa:mine']
    await engine.must('network', 'connect', ...joined, 'n1', 'bb')
    const { IPAddress, Aliases, Links } = await lab.settingsOf('bb', 'n1')
    expect(IPAddress).to.equal(four(0, 45))
    expect(Aliases).to.include('second')
    expect(Links).to.deep.equal(['aa:mine'])
    expect(await lab.from('aa', 'second')).to.include('bb sees')
    expect(await lab.from('bb', 'mine')).to.include('aa sees')
    expect(await lab.from('aa', 'mine')).to.equal('nothing')
    await engine.must('restart', '-t', '0', 'bb')
    expect((await lab.settingsOf('bb', 'n1')).IPAddress).to.equal(four(0, 45))
    await engine.must('network', 'disconnect', 'bridge', 'bb')
    await engine.must('network', 'disconnect', 'n1', 'bb')
    expect(await engine.must('exec', 'bb', 'cat', '/proc/net/dev')).to.not.include('eth')
    await engine.must('network', 'connect', 'bridge', 'bb')
    const gateway = (await lab.settingsOf('bb', 'bridge')).Gateway ?? ''
    expect(gateway).to.match(/^\d/)
  })

  it('are not joined against the rules', async () => {
    await engine.must('network', 'create', '--subnet', `${four(0, 0)}/24`, 'n1')
    await engine.must('run', '-d', '--name', 'aa', '--network', 'n1', '--ip', four(0, 44), base, 'sleep', '600')
    await engine.must('create', '--name', 'bb', base, 'true')
    await engine.must('run', '-d', '--name', 'cc', base, 'sleep', '600')
    const connect = (...args: string[]) => lab.refused('network', 'connect', ...args)
    const asked = '{{json .NetworkSettings.Networks.n1.IPAMConfig}}'
    expect(JSON.parse(await engine.must('inspect', '-f', asked, 'aa'))).to.deep.equal({ IPv4Address: four(0, 44) })
    expect(await connect('--ip', four(1, 4), 'n1', 'cc')).to.match(/subnet/)
    expect(await connect('--ip', four(0, 44), 'n1', 'cc')).to.include('Address already in use')
    expect(await connect('host', 'aa')).to.include('container cannot be disconnected from host network or connected to')
    expect(await connect('none', 'aa')).to.include('private (none) mode')
    expect(await connect('nosuch', 'aa')).to.include('network nosuch not found')
    expect(await connect('n1', 'nosuch')).to.include('No such container: nosuch')
    expect(await connect('--alias', 'x', 'bridge', 'aa')).to.include('network-scoped alias is supported only')
    expect(await connect('--ip', '10.1.1.1', 'bridge', 'aa')).to.include('supported on user defined networks only')
    for (const force of [[], ['-f']])
      expect(await lab.refused('network', 'disconnect', ...force, 'n1', 'cc')).to.include('is not connected to')
    const run = (...args: string[]) => lab.refused('run', '--rm', ...args, base, 'true')
    expect(await run('--network', 'nosuch')).to.include('network nosuch not found')
    expect(await run('--network', 'container:nosuch')).to.include('No such container: nosuch')
    expect(await run('--network', 'container:bb')).to.include('cannot join network of a non running container')
    expect(await run('--network', 'container:aa', '--hostname', 'x')).to.include('hostname and the network mode')
    expect(await run('--network', 'container:aa', '--dns', '1.1.1.1')).to.include('dns and the network mode')
    expect(await run('--network', 'container:aa', '--add-host', 'a:1.1.1.1')).to.include('host-to-IP mapping and the')
    expect(await run('--network', 'host', '--link', 'aa')).to.match(
      /host type networking can't be used with links|links are only supported for/,
    )
    expect(await lab.lines('ps', '-aq')).to.have.lengthOf(3)
  })

  it('share the host’s network when asked', async () => {
    const own = await engine.run('readlink', ['/proc/self/ns/net'])
    expect(await engine.must('run', '--rm', '--network', 'host', base, 'readlink', '/proc/self/ns/net')).to.equal(
      own.stdout.trim(),
    )
    await lab.greet('aa', '-p', '127.0.0.1::80')
    const port = await lab.portOf('aa')
    const asked = ['run', '--rm', '--network', 'host', base, 'perl', '-e', askTcp, '127.0.0.1', port]
    expect(await engine.must(...asked)).to.include('aa sees')
  })

  it('have the mtu and the hardware address they are given', async () => {
    await engine.must('network', 'create', '-o', 'com.docker.network.driver.mtu=1400', 'n1')
    const address = ['--mac-address', '02:00:00:00:00:17']
    const script = 'cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address'
    const old = (await engine.must('version', '-f', '{{.Client.Version}}')).startsWith('20.')
    const flags = lab.modern || old ? address : [] // the 28.2 client demands API 1.44
    const found = await engine.must('run', '--rm', '--network', 'n1', ...flags, base, 'sh', '-c', script)
    expect(found).to.match(flags.length > 0 ? /^1400\n02:00:00:00:00:17$/ : /^1400\n02:42/)
  })

  it('are what they were after the container starts again', async () => {
    await engine.must('network', 'create', 'n1')
    await engine.must('network', 'create', 'n2')
    await lab.greet('aa', '--network', 'n1', '--network-alias', 'first')
    await engine.must('network', 'connect', '--alias', 'second', 'n2', 'aa')
    await lab.greet('bb', '--network', 'n1')
    await lab.greet('cc', '--network', 'n2')
    await engine.must('restart', '-t', '0', 'aa')
    await eventually(async () => (await lab.from('bb', 'first')).includes('aa sees'), 'aa on n1')
    expect(await lab.from('cc', 'second')).to.include('aa sees')
    expect(await lab.from('bb', 'cc')).to.equal('nothing')
    await engine.must('stop', '-t', '0', 'aa')
    await engine.must('network', 'disconnect', 'n2', 'aa')
    await engine.must('start', 'aa')
    await eventually(async () => (await lab.from('bb', 'first')).includes('aa sees'), 'aa on n1')
    expect(await lab.from('cc', 'second')).to.equal('nothing')
  })

  it('are as many as a bridge has ports, and one more is told so', async function () {
    if (oracle) this.skip() // where its bridges are is its own
    const bridge = `bf${String(randomInt(1e8))}`
    await engine.must('network', 'create', '-o', `com.docker.network.bridge.name=${bridge}`, 'n1')
    await engine.must('run', '-d', '--network', 'n1', base, 'sleep', '300')
    const group = String(randomInt(1, 2 ** 31))
    const ports = Array.from(
      { length: 1022 },
      (_, n) => `link add ${bridge}.${String(n)} group ${group} master ${bridge} type veth`,
    )
    try {
      const made = await engine.run('sh', ['-c', 'printf "%s\\n" "$0" | ip -batch -', ports.join('\n')])
      expect(made).to.deep.equal({ code: 0, stdout: '', stderr: '' })
      const { code, stderr } = await engine.docker('run', '--rm', '--network', 'n1', base, 'true')
      expect(code).to.equal(125)
      expect(stderr).to.include('network n1 is full: a bridge has 1,023 ports at most; use another network')
    } finally {
      await engine.run('ip', ['link', 'del', 'group', group])
    }
    expect((await engine.docker('run', '--rm', '--network', 'n1', base, 'true')).code).to.equal(0)
  })
})
