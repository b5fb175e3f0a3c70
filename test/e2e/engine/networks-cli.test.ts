import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { base, oracle, type DockerEngine } from './harness.js'
import { openNetworkLab, type NetworkLab } from './network-lab.js'

describe('networks, by the docker command', function () {
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

  it('are made as asked, shown and removed', async () => {
    const wish = ['--subnet', `${four(0, 0)}/24`, '--ip-range', `${four(0, 128)}/25`, '--gateway', four(0, 9)]
    await engine.must(
      'network',
      'create',
      ...wish,
      '--aux-address',
      `printer=${four(0, 129)}`,
      '--label',
      'kind=x',
      '--attachable',
      'n1',
    )
    expect(await lab.networkOf('.IPAM.Config', 'n1')).to.deep.equal([
      {
        Subnet: `${four(0, 0)}/24`,
        IPRange: `${four(0, 128)}/25`,
        Gateway: four(0, 9),
        AuxiliaryAddresses: { printer: four(0, 129) },
      },
    ])
    expect(await lab.networkOf('.Attachable', 'n1')).to.equal(true)
    await engine.must('run', '-d', '--name', 'aa', '--network', 'n1', base, 'sleep', '600')
    await engine.must(
      'run',
      '-d',
      '--name',
      'bb',
      '--network',
      'n1',
      '--ip',
      four(0, 77),
      ...(!lab.modern ? [] : ['--mac-address', '02:00:00:00:00:77']), // 20.10 asks for it by another name
      base,
      'sleep',
      '600',
    )
    expect((await lab.settingsOf('aa', 'n1')).IPAddress)
      .to.match(/\.1(2[89]|[3-9]\d)$/)
      .and.not.equal(four(0, 129))
    const { IPAddress, MacAddress } = await lab.settingsOf('bb', 'n1')
    expect(IPAddress).to.equal(four(0, 77))
    if (lab.modern) expect(MacAddress).to.equal('02:00:00:00:00:77')
    expect(await engine.must('exec', 'bb', 'cat', '/sys/class/net/eth0/address')).to.equal(MacAddress)
    const members = await lab.networkOf<Record<string, { Name: string; IPv4Address: string }>>('.Containers', 'n1')
    expect(Object.values(members).map(({ Name }) => Name)).to.have.members(['aa', 'bb'])
    expect(await engine.must('network', 'ls', '-q', '-f', 'label=kind=x', '--format', '{{.Name}}')).to.equal('n1')
    expect(await engine.must('network', 'ls', '-f', 'type=custom', '--format', '{{.Name}}')).to.equal('n1')
    expect(await lab.refused('network', 'rm', 'n1')).to.include('has active endpoints')
    expect(await lab.refused('network', 'create', '--subnet', `${four(0, 0)}/25`, 'n2')).to.include('Pool overlaps')
    expect(await lab.refused('run', '--network', 'n1', '--ip', four(0, 77), base, 'true')).to.include(
      'Address already in use',
    )
    if (!(await engine.must('version', '-f', '{{.Client.Version}}')).startsWith('20.'))
      // which drops it
      expect(await lab.refused('run', '--ip', four(0, 78), base, 'true')).to.include('user defined networks only')
  })

  it('are listed by driver, id, label, name, scope and type, and pruned', async () => {
    await engine.must('network', 'create', '--label', 'kind=x', 'n1')
    await engine.must('network', 'create', '--label', 'kind=y', '--label', 'own', 'n2')
    await engine.must('run', '-d', '--network', 'n2', base, 'sleep', '600')
    const list = (...filters: string[]) =>
      lab.lines('network', 'ls', '--format', '{{.Name}}', ...filters.flatMap((each) => ['-f', each]))
    const all = ['bridge', 'host', 'n1', 'n2', 'none']
    expect(await list()).to.have.members(all)
    expect(await list('driver=bridge')).to.have.members(['bridge', 'n1', 'n2'])
    expect(await list('driver=null', 'driver=host')).to.have.members(['host', 'none'])
    expect(await list('type=builtin')).to.have.members(['bridge', 'host', 'none'])
    expect(await list('type=custom')).to.have.members(['n1', 'n2'])
    expect(await list('scope=local')).to.have.members(all)
    expect(await list('scope=swarm')).to.deep.equal([])
    expect(await list('label=kind')).to.have.members(['n1', 'n2'])
    expect(await list('label=kind=y', 'label=own')).to.deep.equal(['n2'])
    expect(await list('name=^n.$')).to.have.members(['n1', 'n2'])
    expect(await list('name=n1', 'name=host')).to.have.members(['n1', 'host'])
    const id = await engine.must('network', 'inspect', '-f', '{{.Id}}', 'n1')
    expect(await list(`id=${id.slice(0, 9)}`)).to.deep.equal(['n1'])
    expect(await engine.must('network', 'inspect', '-f', '{{.Name}}', id.slice(0, 9))).to.equal('n1')
    if (!oracle) {
      // 20.10 takes each that was made for idle
      expect(await list('dangling=true')).to.deep.equal(['n1'])
      expect(await list('dangling=0')).to.have.members(['bridge', 'host', 'n2', 'none'])
    }
    expect(await lab.refused('network', 'ls', '-f', 'colour=red')).to.match(/invalid filter 'colour'/i)
    expect(await lab.refused('network', 'ls', '-f', 'type=odd')).to.include("invalid filter: 'type'='odd'")
    expect(await lab.refused('network', 'ls', '-f', 'dangling=odd')).to.match(/invalid (value for )?filter 'dangling/)
    const prune = (...filters: string[]) =>
      engine.must('network', 'prune', '-f', ...filters.flatMap((each) => ['--filter', each]))
    expect(await lab.refused('network', 'prune', '-f', '--filter', 'colour=red')).to.match(/invalid filter 'colour'/i)
    expect(await prune('label!=kind')).to.equal('')
    expect(await prune('until=1h')).to.equal('')
    expect(await prune('label=kind=x')).to.include('n1')
    expect(await prune(), 'but what somebody is on').to.not.include('n2')
    expect(await lab.refused('network', 'rm', 'n2')).to.include('has active endpoints')
    for (const name of ['bridge', 'host', 'none'])
      expect(await lab.refused('network', 'rm', name)).to.include('pre-defined network and cannot be removed')
    for (const verb of ['rm', 'inspect'])
      expect(await lab.refused('network', verb, 'nosuch')).to.match(/network nosuch not found|No such network: nosuch/)
  })

  it('are refused in dockerd’s words', async () => {
    await engine.must('network', 'create', '-o', 'com.docker.network.bridge.name=brx0', 'n1')
    const words: [string[], string | RegExp][] = [
      [['-d', 'nosuch', 'n2'], 'plugin "nosuch" not found'],
      [['-d', 'host', 'n2'], 'only one instance of "host" network is allowed'],
      [['-d', 'null', 'n2'], 'only one instance of "null" network is allowed'],
      [['bridge'], 'operation is not permitted on predefined bridge network'],
      [['n1'], 'network with name n1 already exists'],
      [['--ipam-driver', 'odd', 'n2'], 'plugin "odd" not found'],
      [['--scope', 'swarm', 'n2'], 'cannot create a swarm scoped network when swarm is not active'],
      [['--subnet', 'odd', 'n2'], /invalid subnet odd ?: invalid CIDR/i],
      [['--subnet', `${four(0, 0)}/33`, 'n2'], /invalid subnet \S+ ?: invalid CIDR/i],
      [['--subnet', `${four(0, 0)}/24`, '--gateway', four(1, 1), 'n2'], 'no matching subnet for gateway'],
      [['-o', 'com.docker.network.bridge.enable_icc=odd', 'n2'], /parse.*enable_icc value: odd .*invalid syntax/],
      [['-o', 'com.docker.network.driver.mtu=odd', 'n2'], /parse.*mtu value: odd .*invalid syntax/],
      [['-o', 'com.docker.network.bridge.name=brx0', 'n2'], 'networks have same bridge name'],
      [['-o', 'com.docker.network.bridge.name=longer_than_15_c', 'n2'], /bridge/],
    ]
    for (const [args, message] of words)
      expect(await lab.refused('network', 'create', ...args), args.join(' ')).to.match(
        message instanceof RegExp ? message : new RegExp(message.replaceAll('(', '\\(')),
      )
    await engine.must('network', 'create', '--subnet', `${four(0, 0)}/24`, 'n3')
    for (const cidr of [`${four(0, 0)}/24`, `${four(0, 128)}/25`, `10.${x}.0.0/16`])
      expect(await lab.refused('network', 'create', '--subnet', cidr, 'n2'), cidr).to.include('Pool overlaps')
    expect(await lab.lines('network', 'ls', '-f', 'type=custom', '--format', '{{.Name}}')).to.have.members(['n1', 'n3'])
  })

  it('tell what happens to them', async () => {
    const since = String(Math.floor(Date.now() / 1000))
    const id = await engine.must('network', 'create', 'n1')
    const container = await engine.must('run', '-d', '--name', 'aa', '--network', 'n1', base, 'sleep', '600')
    await engine.must('rm', '-f', 'aa')
    await engine.must('network', 'rm', 'n1')
    await engine.must('network', 'prune', '-f')
    const until = String(Math.floor(Date.now() / 1000) + 1)
    const format = '{{.Action}} {{.Actor.ID}} {{json .Actor.Attributes}}'
    const told = await lab.lines(
      ...['events', '--since', since, '--until', until, '-f', 'type=network', '--format', format],
    )
    const whole = { name: 'n1', type: 'bridge' }
    const expected = [
      `create ${id} ${JSON.stringify(whole)}`,
      ...['connect', 'disconnect'].map((action) => `${action} ${id} ${JSON.stringify({ container, ...whole })}`),
      `destroy ${id} ${JSON.stringify(whole)}`,
      'prune  {"reclaimed":"0"}',
    ]
    expect(told.slice(-5)).to.deep.equal(expected)
  })
})
