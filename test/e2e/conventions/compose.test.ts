import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Process } from '../../../src/scheduler/scheduler.js'
import { patience } from '../../patience.js'
import { must, type Outcome } from '../../run.js'
import { createApp, instance, type Instance } from '../instance.js'

/** A server in Perl, which the base image has: `answer` gives what it says of a path in $p. */
const serving = (port: string, answer: string): string => `use IO::Socket::INET; $SIG{PIPE} = 'IGNORE';
my $s = IO::Socket::INET->new(LocalPort => ${port}, Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) {
  my ($p) = (<$c> // '') =~ m{^GET (\\S*)}; while (<$c>) { last if /^\\r?$/ }
  my $b = do { ${answer} };
  print $c "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($b) . "\\r\\nConnection: close\\r\\n\\r\\n$b"; close $c }
`
const counting = `open(my $f, '>>', '/notes/log'); print $f 'x' if $p; close $f; (-s '/notes/log') . " $ENV{COLOUR}"`
const site = `if ($p eq '/count') { my $t = IO::Socket::INET->new('store:4000') or die; print $t "GET / HTTP/1.1\\r\\n\\r\\n";
  while (<$t>) { last if /^\\r?$/ } "$ENV{GREETING} " . <$t> }
  elsif ($p =~ m{^/reach/(.+)}) { IO::Socket::INET->new(PeerAddr => "$1:4000", Timeout => 2) ? 'reached' : 'out of reach' }
  else { 'up' }`

const compose = (colour: string, more = ''): string => `
services:
  site:
    build: ./site
    ports: ["8080:3000"]
    environment: {GREETING: "\${GREETING:-hello}"}
    depends_on: {store: {condition: service_healthy}}
  store:
    image: debian:bookworm-slim
    command: [perl, -e, ${JSON.stringify(serving('4000', counting).replaceAll('$', '$$$$'))}]
    environment: {COLOUR: ${colour}}
    volumes: ["notes:/notes"]
    networks: {default: , alone: {aliases: [shelf]}}
    configs: [shelf, {source: label, target: /etc/label}]
    healthcheck: {test: "test -w /notes && grep -q notes /shelf && grep -q store /etc/label && grep -q :0FA0 /proc/net/tcp", interval: 1s, retries: 60}
    stop_grace_period: 1s
${more}
  apart:
    image: debian:bookworm-slim
    command: [perl, -e, ${JSON.stringify(serving('4000', "''").replaceAll('$', '$$$$'))}]
    networks: [alone]
networks: {alone: {internal: true}}
volumes: {notes: }
configs: {shelf: {file: shelf.txt}, label: {content: "the store"}}
`

describe('a compose file that is deployed', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  let app = ''
  let dir = ''
  before(async () => {
    berth = await instance()
    app = await createApp(berth, await berth.repository({}), 'compose')
    dir = await mkdtemp(join(berth.dir, 'compose-'))
    await mkdir(join(dir, 'site'))
    await writeFile(join(dir, 'site/serve.pl'), serving('$ENV{PORT}', site))
    await writeFile(
      join(dir, 'site/Dockerfile'),
      'FROM debian:bookworm-slim\nCOPY serve.pl /\nCMD ["perl", "/serve.pl"]\n',
    )
  })

  async function deploy(text: string): Promise<Outcome> {
    await writeFile(join(dir, 'compose.yaml'), text)
    await writeFile(join(dir, 'shelf.txt'), 'of notes\n')
    return berth.berth(['deploy', '--compose', 'compose.yaml', '-a', app], { cwd: dir, timeoutMs: 120_000 })
  }
  async function deployed(text: string): Promise<string> {
    const { code, stderr } = await deploy(text)
    expect(code, stderr).to.equal(0)
    return stderr
  }
  const body = async (path: string): Promise<string> => (await berth.curl(app, path)).body
  async function containers(): Promise<Record<string, string | null>> {
    const { stdout } = await berth.succeed('ps', '--json', '-a', app)
    const all = JSON.parse(stdout) as Process[]
    return Object.fromEntries(all.map(({ name, container, state }) => [`${name} ${state}`, container]))
  }
  const docker = (...args: string[]): Promise<string> =>
    must('docker', args, { env: { ...process.env, DOCKER_HOST: `unix://${berth.config.engineSocket}` } })

  it('runs its services as one app, which find each other by name where they share a network', async () => {
    const said = await deployed(compose('red'))
    expect(said).to.include('site is process type web: requests go to it')
    expect(await body('/count')).to.equal('hello 1 red')
    const running = await containers()
    expect(Object.keys(running)).to.have.members(['apart.1 up', 'store.1 up', 'web.1 up'])
    const addressOf = (name: string): Promise<string> =>
      docker(
        'inspect',
        '-f',
        '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}',
        running[`${name}.1 up`] ?? '',
      )
    const [first = '', second] = (await addressOf('store')).split(' ')
    expect(await body(`/reach/${first}`)).to.equal('reached')
    expect(second, 'it is on both networks').to.match(/^10\./)
    const shelf = 'print gethostbyname("shelf") ? "found" : "none"'
    expect(await docker('exec', running['apart.1 up'] ?? '', 'perl', '-e', shelf)).to.equal('found')
    expect(await body(`/reach/${await addressOf('apart')}`)).to.equal('out of reach')
    expect(await body('/reach/apart')).to.equal('out of reach')
  })

  it('is nothing to do when it runs already, and restarts what a change is about alone', async () => {
    expect(await deployed(compose('red'))).to.match(/This tree runs already/)
    const before = await containers()
    await berth.succeed('config:set', 'GREETING=hi', '-a', app)
    expect(await body('/count')).to.equal('hi 2 red')
    const after = await containers()
    expect(after['store.1 up']).to.equal(before['store.1 up'])
    expect(after['web.1 up']).not.to.equal(before['web.1 up'])
    const ran = await berth.berth(['run', '-a', app, '--', 'perl', '-e', 'print "$ENV{GREETING} $ENV{COLOUR}|"'])
    expect(ran.stdout, ran.stderr).to.equal('hi |')
  })

  it('keeps its volumes over deploys, rollbacks and what is refused', async () => {
    await deployed(compose('blue'))
    expect(await body('/count')).to.equal('hi 3 blue')
    const refused = await deploy(compose('green', '    privileged: true\n    volumes: [./x:/x]\n'))
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.match(/compose\.yaml:\d+:1: .*volumes is here twice/)
    const denied = await deploy(compose('green', '    privileged: true\n    tmpfs: relative\n'))
    expect(denied.stderr).to.match(/compose\.yaml:\d+:1: services\.store\.privileged is "true".*take it out/)
    expect(denied.stderr).to.match(/compose\.yaml:\d+:1: services\.store\.tmpfs has "relative"/)
    expect(await body('/count')).to.equal('hi 4 blue')
    await berth.succeed('rollback', 'v3', '-a', app)
    expect(await body('/count')).to.equal('hi 5 red')
    const volumes = await docker('volume', 'ls', '-q')
    expect(volumes).to.match(/^berth-[0-9a-f]+-notes$/)
  })

  it('goes with all that it has when the app is destroyed', async () => {
    await berth.succeed('apps:destroy', '-a', app, '--volumes', '--confirm', app)
    expect(await docker('volume', 'ls', '-q')).to.equal('')
    expect(await docker('network', 'ls', '-q', '--filter', 'label=berth.app')).to.equal('')
  })
})
