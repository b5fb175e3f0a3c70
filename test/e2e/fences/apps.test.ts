import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect } from 'chai'
import { must } from '../../run.js'
import { startInstance, type Instance } from '../instance.js'

/** Answers `/ADDRESS/PORT` with whether somebody lets it connect there. */
const program = `use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 9, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
  my $line = <$client>;
  while (defined(my $header = <$client>)) { last unless $header =~ /\\S/ }
  my ($host, $port) = $line =~ m{/([\\d.]+)/(\\d+)};
  my $said = !$host ? 'here' : IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 3) ? 'open' : 'shut';
  print $client "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: " . length($said) . "\\r\\n\\r\\n$said";
  close $client;
}
`

describe('the fences around an app that is pushed', function () {
  if (process.getuid?.() !== 0) return
  let berth: Instance
  let service: Server
  let asked = 0
  before(async () => {
    service = createServer((socket) => {
      asked++
      socket.end('the host')
    }).listen(0, '0.0.0.0')
    await once(service, 'listening')
    berth = await startInstance()
  })
  after(async () => {
    service.close()
    await berth[Symbol.asyncDispose]()
  })

  const host = (): string =>
    Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? ''
  const caches = (): Promise<string> =>
    must('curl', ['-s', '--unix-socket', berth.config.engineSocket, 'http://engine/system/df?type=build-cache'])

  it('keep its build and its processes from the host, and end with it', async () => {
    const { port } = service.address() as AddressInfo
    const dockerfile = [
      'FROM debian:bookworm-slim',
      'RUN --mount=type=cache,id=fence,target=/c touch /c/kept',
      `RUN perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new(PeerAddr => "${host()}:${String(port)}", Timeout => 3) ? 1 : 0)'`,
      'COPY app.pl /',
      'CMD ["perl", "/app.pl"]',
      '',
    ].join('\n')
    const repository = await berth.repository({ Dockerfile: dockerfile, 'app.pl': program })
    await berth.berth(['apps:create', 'fenced'], { cwd: repository.dir })
    const pushed = await repository.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    const answer = async (path: string): Promise<string> => (await berth.curl('fenced', path)).body
    expect(await answer('/')).to.equal('here')
    expect(await answer(`/${host()}/${String(port)}`)).to.equal('shut')
    expect(await answer(`/${host()}/${String(berth.config.httpPort)}`), 'the router').to.equal('open')
    expect(asked).to.equal(0)
    const fetching = { Dockerfile: dockerfile.replace('COPY', `ADD http://${host()}:${String(port)}/x /x\nCOPY`) }
    await repository.commit(fetching)
    expect((await repository.push()).stderr).to.include('failed to GET')
    expect(asked).to.equal(0)

    expect(await caches()).to.include('cached mount fence of')
    const destroyed = await berth.berth(['apps:destroy', '-a', 'fenced', '--confirm', 'fenced'])
    expect(destroyed.code, destroyed.stderr).to.equal(0)
    expect(await caches()).to.not.include('cached mount fence of')
  })
})
