import { expect } from 'chai'
import { base, eventually, openDocker, type DockerEngine } from './harness.js'

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
/** Programs for perl: sends a datagram or a request to the host and port it is given, and prints what comes back. */
export const askUdp =
  'use IO::Socket::IP; $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Proto => "udp"); $s->send("x"); alarm 5; $s->recv($b, 100); print $b'
export const askTcp =
  'use IO::Socket::IP; $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 2) or exit 7; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; $s->flush; local $/; $_ = <$s>; s/.*\\r\\n\\r\\n//s; print'

/** An engine under test with servers to be asked, by the docker command. */
export interface NetworkLab<E extends DockerEngine = DockerEngine> extends AsyncDisposable {
  readonly engine: E
  /** The 28.2 client against an engine of API 1.44 on. */
  readonly modern: boolean
  refused(...args: string[]): Promise<string>
  /** Starts a container that answers on port 80, TCP and UDP, and waits until it does. */
  greet(name: string, ...args: string[]): Promise<void>
  /** What the engine's host gets; `curl 7` when curl ended so. */
  curl(url: string): Promise<string>
  /** What a container gets, `nothing` included. */
  from(name: string, host: string, port?: string): Promise<string>
  portsOf(name: string, port?: string): Promise<readonly string[]>
  /** The number of the first published port. */
  portOf(name: string, port?: string): Promise<string>
  networkOf<T>(format: string, name: string): Promise<T>
  /** Its endpoint on a network. */
  settingsOf(name: string, network: string): Promise<Record<string, string>>
  lines(...args: string[]): Promise<readonly string[]>
  /** Removes all containers and networks. */
  clear(): Promise<void>
}

export async function openNetworkLab(): Promise<NetworkLab>
export async function openNetworkLab<E extends DockerEngine>(engine: E): Promise<NetworkLab<E>>
export async function openNetworkLab(given?: DockerEngine): Promise<NetworkLab> {
  const engine = given ?? (await openDocker())
  const { minor } = /\.(?<minor>\d+)/.exec(await engine.must('version', '-f', '{{.Client.APIVersion}}'))?.groups ?? {}
  const lab: NetworkLab = {
    engine,
    modern: Number(minor) >= 44,
    refused: async (...args) => {
      const { code, stderr } = await engine.docker(...args)
      expect(code, `docker ${args.join(' ')}`).to.not.equal(0)
      return stderr
    },
    greet: async (name, ...args) => {
      await engine.must('run', '-d', '--name', name, '-e', `NAME=${name}`, ...args, base, 'perl', '-e', greeter)
      await eventually(async () => (await engine.must('logs', name)).includes('ready'), `${name}'s server`)
    },
    curl: async (url) => {
      const { code, stdout } = await engine.run('curl', ['-sg', '--max-time', '5', url])
      return code === 0 ? stdout : `curl ${code ?? 0}`
    },
    from: async (name, host, port = '80') => {
      const { code, stdout } = await engine.docker('exec', name, 'perl', '-e', askTcp, host, port)
      return code === 0 ? stdout : 'nothing'
    },
    portsOf: async (name, port = '80/tcp') =>
      (await engine.must('port', name, port)).split('\n').map((line) => line.trim()),
    portOf: async (name, port) => (await lab.portsOf(name, port))[0]?.split(':').at(-1) ?? '',
    networkOf: async <T>(format: string, name: string) =>
      JSON.parse(await engine.must('network', 'inspect', '-f', `{{json ${format}}}`, name)) as T,
    settingsOf: async (name, network) =>
      JSON.parse(
        await engine.must('inspect', '-f', `{{json (index .NetworkSettings.Networks "${network}")}}`, name),
      ) as Record<string, string>,
    lines: async (...args) => (await engine.must(...args)).split('\n').filter(Boolean),
    clear: async () => {
      const containers = await lab.lines('ps', '-aq')
      if (containers.length > 0) await engine.must('rm', '-f', ...containers)
      await engine.must('network', 'prune', '-f')
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
  return lab
}
