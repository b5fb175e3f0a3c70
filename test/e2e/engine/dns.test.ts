import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { base, eventually, openDocker, openEngine, oracle, type DockerEngine } from './harness.js'

/** Answers every question with A 192.0.2.77, over UDP and TCP, on port 53 of its container. */
const nameServer = `
use IO::Socket::INET; use IO::Select;
my $u = IO::Socket::INET->new(LocalPort => 53, Proto => "udp") or die "udp: $!";
my $t = IO::Socket::INET->new(LocalPort => 53, Proto => "tcp", Listen => 5) or die "tcp: $!";
sub answer { my $q = shift; my $end = index($q, "\\0", 12) + 5;
  return substr($q, 0, 2) . pack("n5", 0x8180, 1, 1, 0, 0) . substr($q, 12, $end - 12) . pack("n3Nn", 0xc00c, 1, 1, 5, 4) . pack("C4", 192, 0, 2, 77) }
my $s = IO::Select->new($u, $t); $| = 1; print "ready\\n";
while (1) { for my $h ($s->can_read) {
  if ($h == $u) { my $from = $u->recv(my $q, 4096); $u->send(answer($q), 0, $from) }
  else { my $c = $t->accept; $c->read(my $l, 2); $c->read(my $q, unpack("n", $l)); my $a = answer($q); $c->write(pack("n", length $a) . $a); close $c } } }
`

/** Asks 127.0.0.11 for A records over TCP and prints how many answers came. */
const askByTcp = `
use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.11:53", Proto => "tcp", Timeout => 5) or die "connect: $!";
my $q = pack("n6", 7, 0x100, 1, 0, 0, 0) . join("", map { pack("C/a*", $_) } split /\\./, $ARGV[0]) . pack("Cnn", 0, 1, 1);
$s->write(pack("n", length $q) . $q); $s->flush; $s->read(my $l, 2); $s->read(my $a, unpack("n", $l));
print unpack("n", substr($a, 6, 2)), "\\n";
`

describe('names of containers, by the docker command', () => {
  let engine: DockerEngine
  const subnet = `10.${randomInt(30, 90)}.${randomInt(250)}.0/24`
  const address = (last: number) => subnet.replace('0/24', String(last))
  const lookUp = async (from: string, name: string): Promise<string> => {
    const { code, stdout } = await engine.docker('exec', from, 'getent', 'ahostsv4', name)
    return code === 0 ? (stdout.split(/\s/)[0] ?? '') : 'unknown'
  }
  const run = (...args: string[]) => engine.must('run', '-d', ...args)
  const sleeper = [base, 'sleep', '600']

  before(async () => {
    engine = await openDocker()
    await engine.must('network', 'create', '--subnet', subnet, 'town')
    await engine.must('network', 'create', 'moor')
    await run('--name', 'web', '--network', 'town', '--ip', address(10), '--network-alias', 'www', ...sleeper)
    await run('--name', 'db', '--network', 'town', '--ip', address(11), '--network-alias', 'Store', ...sleeper)
    await run('--name', 'far', '--network', 'moor', ...sleeper)
  })
  after(() => engine[Symbol.asyncDispose]())

  it('are its name, its alias, its id’s short form, with or without the network’s name', async () => {
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'db')
    for (const name of ['db', 'DB', 'store', id.slice(0, 12), 'db.town'])
      expect(await lookUp('web', name), name).to.equal(address(11))
    expect(await lookUp('db', 'db')).to.equal(address(11))
    expect(await engine.must('exec', 'web', 'cat', '/etc/resolv.conf')).to.match(/^nameserver 127\.0\.0\.11$/m)
    expect(await engine.must('exec', 'web', 'cat', '/etc/resolv.conf')).to.match(/^options .*ndots:0/m)
  })

  it('lead back from an address', async () => {
    expect(await engine.must('exec', 'web', 'getent', 'hosts', address(11))).to.match(/\bdb\.town\b/)
  })

  it('are not known on other networks, nor on the default one', async () => {
    expect(await lookUp('far', 'web')).to.equal('unknown')
    await run('--name', 'plain1', ...sleeper)
    await run('--name', 'plain2', ...sleeper)
    expect(await lookUp('plain1', 'plain2')).to.equal('unknown')
    expect(await engine.must('exec', 'plain1', 'cat', '/etc/resolv.conf')).to.not.include('127.0.0.11')
    await engine.must('rm', '-f', 'plain1', 'plain2')
  })

  it('share an alias, and all answer to it', async () => {
    await run('--name', 'w1', '--network', 'town', '--ip', address(31), '--network-alias', 'pool', ...sleeper)
    await run('--name', 'w2', '--network', 'town', '--ip', address(32), '--network-alias', 'pool', ...sleeper)
    const found = await engine.must('exec', 'web', 'getent', 'ahostsv4', 'pool')
    expect(found).to.include(address(31)).and.include(address(32))
    expect((await engine.must('exec', 'web', 'perl', '-e', askByTcp, 'pool')).trim()).to.equal('2')
    await engine.must('rm', '-f', 'w1')
    expect(await engine.must('exec', 'web', 'getent', 'ahostsv4', 'pool')).to.not.include(address(31))
    await engine.must('rm', '-f', 'w2')
  })

  it('follow connect, disconnect and rename while it runs', async () => {
    await engine.must('network', 'connect', '--alias', 'guest', 'town', 'far')
    expect(await lookUp('web', 'guest')).to.match(/^\d/)
    expect(await lookUp('far', 'web')).to.equal(address(10))
    await engine.must('network', 'disconnect', 'town', 'far')
    expect(await lookUp('web', 'guest')).to.equal('unknown')
    expect(await lookUp('far', 'web')).to.equal('unknown')
    await engine.must('rename', 'db', 'base')
    expect(await lookUp('web', 'base')).to.equal(address(11))
    expect(await lookUp('web', 'db')).to.equal('unknown')
    await engine.must('rename', 'base', 'db')
  })

  it('come to a container of the default bridge with its first other network', async () => {
    await run('--name', 'late', ...sleeper)
    await engine.must('network', 'connect', 'town', 'late')
    expect(await lookUp('late', 'web')).to.equal(address(10))
    await engine.must('rm', '-f', 'late')
  })

  it('may be one’s own by --link', async () => {
    await run('--name', 'linker', '--network', 'town', '--link', 'db:mine', ...sleeper)
    expect(await lookUp('linker', 'mine')).to.equal(address(11))
    expect(await lookUp('web', 'mine')).to.equal('unknown')
    await engine.must('rm', '-f', 'linker')
  })

  it('are linked in /etc/hosts on the default bridge, with variables', async () => {
    await run('--name', 'old', '--expose', '5432', ...sleeper)
    const there = await engine.must('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'old')
    await run('--name', 'young', '--link', 'old:elder', ...sleeper)
    expect(await lookUp('young', 'elder')).to.equal(there)
    expect(await lookUp('young', 'old')).to.equal(there)
    const env = await engine.must('exec', 'young', 'perl', '-0ne', 'chomp; print "$_\\n"', '/proc/1/environ')
    expect(env).to.include(`ELDER_PORT_5432_TCP_ADDR=${there}`).and.include(`ELDER_PORT=tcp://${there}:5432`)
    expect(env).to.include('ELDER_NAME=/young/elder')
    await engine.must('rm', '-f', 'young', 'old')
  })

  it('that are not members’ are asked of the servers it was given, over UDP and TCP; port 53 stays its own', async () => {
    const server = ['perl', '-e', nameServer]
    await run('--name', 'ns', '--network', 'town', '--ip', address(53), base, ...server)
    await eventually(async () => (await engine.must('logs', 'ns')).includes('ready'), 'the name server')
    await run('--name', 'asker', '--network', 'town', '--dns', address(53), ...sleeper)
    expect(await lookUp('asker', 'outside.example')).to.equal('192.0.2.77')
    expect((await engine.must('exec', 'asker', 'perl', '-e', askByTcp, 'outside.example')).trim()).to.equal('1')
    expect(await lookUp('asker', 'web')).to.equal(address(10))
    await engine.must('rm', '-f', 'asker', 'ns')
  })

  it('are shared with whoever shares the network', async () => {
    const found = await engine.must('run', '--rm', '--network', 'container:web', base, 'getent', 'ahostsv4', 'db')
    expect(found).to.include(address(11))
  })
})

describe('names of containers whose engine dies', function () {
  it('are refused at once while none runs, and known to the next', async function () {
    if (oracle) this.skip() // without live-restore dockerd takes its containers with it
    await using engine = await openEngine()
    await engine.must('network', 'create', 'town')
    await engine.must('run', '-d', '--name', 'db', '--network', 'town', base, 'sleep', '600')
    await engine.must('run', '-d', '--name', 'web', '--network', 'town', base, 'sleep', '600')
    const pid = await engine.must('inspect', '-f', '{{.State.Pid}}', 'web')
    const before = await engine.must('exec', 'web', 'getent', 'ahostsv4', 'db')
    await engine.stop('SIGKILL')
    const ask =
      'use IO::Socket::INET; $s = IO::Socket::INET->new(PeerAddr => "127.0.0.11:53", Proto => "tcp"); print $s ? "open" : "$!"'
    const meanwhile = await engine.run('nsenter', [`--net=/proc/${pid}/ns/net`, 'perl', '-e', ask])
    expect(meanwhile.stdout).to.equal('Connection refused')
    await engine.boot()
    expect(await engine.must('exec', 'web', 'getent', 'ahostsv4', 'db')).to.equal(before)
    await engine.must('rename', 'db', 'store')
    expect(await engine.must('exec', 'web', 'getent', 'ahostsv4', 'store')).to.include(before.split(' ')[0])
  })
})
