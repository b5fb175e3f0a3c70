import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

/** Tells whoever connects to TCP port 80, or sends to UDP port 80, its name and whom it sees; by IPv6 too. */
const greeter = `
use IO::Socket::IP; use IO::Select;
my @l = map { IO::Socket::IP->new(LocalHost => $_, LocalPort => 80, Listen => 50, V6Only => 1, ReuseAddr => 1) || () } "0.0.0.0", "::";
my $u = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 80, Proto => "udp") or die;
my $s = IO::Select->new(@l, $u); $| = 1; print "ready\\n";
while (1) { for my $h ($s->can_read) {
  if ($h == $u) { my $from = $u->recv(my $q, 100); $u->send("udp $ENV{NAME}", 0, $from); next }
  my $c = $h->accept or next; my $p = $c->peerhost; $c->sysread(my $q, 4096);
  my $t = "$ENV{NAME} sees $p"; $c->print("HTTP/1.0 200 OK\\r\\nContent-Length: " . length($t) . "\\r\\n\\r\\n$t"); close $c } }
`
const askUdp =
  'use IO::Socket::IP; $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Proto => "udp"); $s->send("x"); alarm 5; $s->recv($b, 100); print $b'
const askTcp =
  'use IO::Socket::IP; $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 2) or exit 7; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; $s->flush; local $/; $_ = <$s>; s/.*\\r\\n\\r\\n//s; print'

describe('networks, by the docker command', function () {
  let engine: DockerEngine
  const [x, y] = [randomInt(30, 90), randomInt(250)]
  const four = (n: number, last: number) => `10.${x}.${(y + n) % 250}.${last}`
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, `docker ${args.join(' ')}`).to.not.equal(0)
    return stderr
  }
  const greet = async (name: string, ...args: string[]): Promise<void> => {
    await engine.must('run', '-d', '--name', name, '-e', `NAME=${name}`, ...args, base, 'perl', '-e', greeter)
    await eventually(async () => (await engine.must('logs', name)).includes('ready'), `${name}'s server`)
  }
  const curl = async (url: string): Promise<string> => {
    const { code, stdout } = await engine.run('curl', ['-sg', '--max-time', '5', url])
    return code === 0 ? stdout : `curl ${code ?? 0}`
  }
  const from = async (name: string, host: string, port = '80'): Promise<string> => {
    const { code, stdout } = await engine.docker('exec', name, 'perl', '-e', askTcp, host, port)
    return code === 0 ? stdout : 'nothing'
  }
  const portsOf = async (name: string, port = '80/tcp') =>
    (await engine.must('port', name, port)).split('\n').map((line) => line.trim())
  const portOf = async (name: string, port?: string) => (await portsOf(name, port))[0]?.split(':').at(-1) ?? ''
  const networkOf = async <T>(format: string, name: string) =>
    JSON.parse(await engine.must('network', 'inspect', '-f', `{{json ${format}}}`, name)) as T
  const settingsOf = async (name: string, network: string) =>
    JSON.parse(
      await engine.must('inspect', '-f', `{{json (index .NetworkSettings.Networks "${network}")}}`, name),
    ) as Record<string, string>

  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(async () => {
    const containers = (await engine.must('ps', '-aq')).split('\n').filter(Boolean)
    if (containers.length > 0) await engine.must('rm', '-f', ...containers)
    await engine.must('network', 'prune', '-f')
  })

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
    expect(await networkOf('.IPAM.Config', 'n1')).to.deep.equal([
      {
        Subnet: `${four(0, 0)}/24`,
        IPRange: `${four(0, 128)}/25`,
        Gateway: four(0, 9),
        AuxiliaryAddresses: { printer: four(0, 129) },
      },
    ])
    expect(await networkOf('.Attachable', 'n1')).to.equal(true)
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
      ...(oracle ? [] : ['--mac-address', '02:00:00:00:00:77']), // the 28.2 client asks for API 1.44
      base,
      'sleep',
      '600',
    )
    expect((await settingsOf('aa', 'n1')).IPAddress)
      .to.match(/\.1(2[89]|[3-9]\d)$/)
      .and.not.equal(four(0, 129))
    const { IPAddress, MacAddress } = await settingsOf('bb', 'n1')
    expect(IPAddress).to.equal(four(0, 77))
    if (!oracle) expect(MacAddress).to.equal('02:00:00:00:00:77')
    expect(await engine.must('exec', 'bb', 'cat', '/sys/class/net/eth0/address')).to.equal(MacAddress)
    const members = await networkOf<Record<string, { Name: string; IPv4Address: string }>>('.Containers', 'n1')
    expect(Object.values(members).map(({ Name }) => Name)).to.have.members(['aa', 'bb'])
    expect(await engine.must('network', 'ls', '-q', '-f', 'label=kind=x', '--format', '{{.Name}}')).to.equal('n1')
    expect(await engine.must('network', 'ls', '-f', 'type=custom', '--format', '{{.Name}}')).to.equal('n1')
    expect(await refused('network', 'rm', 'n1')).to.include('has active endpoints')
    expect(await refused('network', 'create', '--subnet', `${four(0, 0)}/25`, 'n2')).to.include('Pool overlaps')
    expect(await refused('run', '--network', 'n1', '--ip', four(0, 77), base, 'true')).to.include(
      'Address already in use',
    )
    expect(await refused('run', '--ip', four(0, 78), base, 'true')).to.include('user defined networks only')
  })

  it('publish TCP and UDP on chosen addresses and any free port, for the host and for containers', async () => {
    await greet('aa', '-p', '80', '-p', '127.0.0.1::80/udp')
    await greet('bb', '-p', '127.0.0.1::80')
    await engine.must('network', 'create', 'n1')
    await greet('cc', '--network', 'n1')
    const port = await portOf('aa')
    expect(await curl(`http://127.0.0.1:${port}`)).to.include('aa sees')
    const gateway = (await settingsOf('cc', 'n1')).Gateway ?? ''
    expect(await curl(`http://${gateway}:${port}`), 'an address of the host').to.include('aa sees')
    for (const each of ['aa', 'bb', 'cc']) expect(await from(each, gateway, port), `from ${each}`).to.include('aa sees')
    const udp = await engine.run('perl', ['-e', askUdp, '127.0.0.1', await portOf('aa', '80/udp')])
    expect(udp.stdout).to.equal('udp aa')
    const own = await portOf('bb')
    expect(await curl(`http://127.0.0.1:${own}`)).to.include('bb sees')
    expect(await curl(`http://${gateway}:${own}`)).to.equal('curl 7')
    expect(await refused('run', '-p', `${port}:80`, base, 'true')).to.include('port is already allocated')
    await engine.must('rm', '-f', 'aa')
    expect(await curl(`http://127.0.0.1:${port}`)).to.equal('curl 7')
  })

  it('publish ranges, and what the image exposes with -P', async () => {
    const first = randomInt(20_000, 30_000)
    await greet('aa', '-p', `127.0.0.1:${first}-${first + 1}:80-81`)
    expect(await portsOf('aa', '81/tcp')).to.deep.equal([`127.0.0.1:${first + 1}`])
    expect(await curl(`http://127.0.0.1:${first}`)).to.include('aa sees')
    await greet('bb', '-p', `127.0.0.1:${first}-${first + 9}:80`)
    const next = Number(await portOf('bb'))
    expect(next).to.be.within(first + 2, first + 9)
    await greet('cc', '-P', '--expose', '80')
    expect(await curl(`http://127.0.0.1:${await portOf('cc')}`)).to.include('cc sees')
  })

  it('publish on IPv6 of the host for a container that has none', async () => {
    await greet('aa', '-p', '80')
    const six = (await portsOf('aa')).find((line) => line.includes('::'))
    expect(await curl(`http://[::1]:${six?.split(':').at(-1) ?? ''}`)).to.include('aa sees')
    await greet('bb', '-p', '[::1]::80')
    expect(await curl(`http://[::1]:${await portOf('bb')}`)).to.include('bb sees')
    expect(await curl(`http://127.0.0.1:${await portOf('bb')}`)).to.equal('curl 7')
  })

  it('have IPv6 where asked', async () => {
    const six = `fd${randomInt(16, 256).toString(16)}:${randomInt(4096, 65_536).toString(16)}:7`
    await engine.must('network', 'create', '--ipv6', '--subnet', `${six}::/64`, 'n6')
    expect(await networkOf('.EnableIPv6', 'n6')).to.equal(true)
    await greet('aa', '--network', 'n6', '--ip6', `${six}::77`, '-p', '80')
    await greet('bb', '--network', 'n6')
    expect((await settingsOf('aa', 'n6')).GlobalIPv6Address).to.equal(`${six}::77`)
    const routes = await engine.must('exec', 'bb', 'cat', '/proc/net/ipv6_route')
    expect(routes, 'a default route').to.match(/^0{32} 00 0{32} 00 fd[0-9a-f]{30} .* eth0$/m)
    expect(await from('bb', `${six}::77`)).to.match(new RegExp(`^aa sees ${six}::`))
    expect(await engine.must('exec', 'bb', 'getent', 'ahostsv6', 'aa')).to.include(`${six}::77`)
    const port =
      (await portsOf('aa'))
        .find((line) => line.includes('::'))
        ?.split(':')
        .at(-1) ?? ''
    expect(await curl(`http://[${six}::1]:${port}`), 'the host’s own address').to.include('aa sees')
    expect(await curl(`http://[::1]:${port}`)).to.include('aa sees')
  })

  it('are joined and left while the container runs, and it goes out by what is left', async () => {
    await engine.must('network', 'create', 'n1')
    await engine.must('network', 'create', 'n2')
    await greet('aa', '--network', 'n2', '-p', '127.0.0.1::80')
    await greet('bb', '--network', 'n1')
    const way = async () =>
      (/^eth\d\t0{8}\t([0-9A-F]{8})/m.exec(await engine.must('exec', 'aa', 'cat', '/proc/net/route')) ?? [])[1]
    const hex = (dotted = '') => Buffer.from(dotted.split('.').map(Number).reverse()).toString('hex').toUpperCase()
    await engine.must('network', 'connect', 'n1', 'aa')
    expect(await from('bb', 'aa')).to.include('aa sees')
    expect(await engine.must('exec', 'aa', 'cat', '/proc/net/dev')).to.match(/eth0:[^]*eth1:/)
    expect(await way(), 'the first by name').to.equal(hex((await settingsOf('aa', 'n1')).Gateway))
    expect(await refused('network', 'connect', 'n1', 'aa')).to.include('already exists in network n1')
    await engine.must('network', 'disconnect', 'n1', 'aa')
    expect(await from('bb', 'aa')).to.equal('nothing')
    expect(await way()).to.equal(hex((await settingsOf('aa', 'n2')).Gateway))
    expect(await curl(`http://127.0.0.1:${await portOf('aa')}`)).to.include('aa sees')
    expect(await refused('network', 'disconnect', 'n1', 'aa')).to.include('is not connected to')
  })

  it('that are internal lead nowhere else', async () => {
    await engine.must('network', 'create', '--internal', 'in')
    await greet('aa', '--network', 'in', '-p', '80')
    await greet('bb', '--network', 'in')
    expect(await from('bb', 'aa')).to.include('aa sees')
    // dockerd 20.10 leaves the route and drops the packets
    if (!oracle) expect(await engine.must('exec', 'aa', 'cat', '/proc/net/route')).to.not.match(/^eth\d\t0{8}\t/m)
    expect(await engine.must('port', 'aa')).to.equal('')
  })

  it('take the bridge driver’s options', async () => {
    const bridge = `br${randomInt(1e6)}`
    const options = { name: bridge, host_binding_ipv4: '127.0.0.1', enable_icc: 'true' }
    const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `com.docker.network.bridge.${key}=${value}`])
    await engine.must('network', 'create', ...flags, 'n1')
    await greet('aa', '--network', 'n1', '-p', '80')
    expect((await engine.run('cat', [`/sys/class/net/${bridge}/operstate`])).code).to.equal(oracle ? 1 : 0)
    expect(await portsOf('aa')).to.have.lengthOf(1)
    expect((await portsOf('aa'))[0]).to.match(/^127\.0\.0\.1:/)
    await engine.must('rm', '-f', 'aa')
    await engine.must('network', 'rm', 'n1')
  })

  it('keep members apart when told so', async function () {
    if (oracle) this.skip() // needs the br_netfilter module, which a namespace of its own does not get
    await engine.must('network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', 'n1')
    await greet('aa', '--network', 'n1', '-p', '80')
    await greet('bb', '--network', 'n1')
    expect(await from('bb', 'aa')).to.equal('nothing')
    expect(await curl(`http://127.0.0.1:${await portOf('aa')}`)).to.include('aa sees')
  })

  it('of the host, of none and of another container', async () => {
    expect(await refused('network', 'rm', 'bridge')).to.include('pre-defined network and cannot be removed')
    await greet('aa', '--network', 'none')
    expect(await engine.must('exec', 'aa', 'cat', '/proc/net/dev')).to.not.include('eth0')
    expect(await refused('network', 'connect', 'bridge', 'aa')).to.include('private (none) mode')
    await greet('bb')
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
    expect(await refused('network', 'connect', 'bridge', 'hh')).to.include('cannot be connected to any other network')
  })
})
