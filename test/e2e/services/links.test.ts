import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { openStore } from '../../../src/store/store.js'
import { serverOf } from '../../../src/services/server.js'
import { createApp, freshName, instance, type Instance } from '../instance.js'

/** Says its environment; of what Debian's base has. */
const app = {
  Dockerfile: 'FROM debian:bookworm-slim\nCOPY server.pl /\nCMD ["perl", "/server.pl"]\n',
  'server.pl': `
use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 50, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
  while (<$client>) { last if /^\\r?\\n$/ }
  my $body = ($ENV{DATABASE_URL} // 'none');
  print $client "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body";
  close $client;
}
`,
}

describe('an app that is linked to PostgreSQL', function () {
  this.timeout(660_000)
  let berth: Instance
  let name: string
  const db = freshName('db')
  const url = async (): Promise<string> => (await berth.curl(name)).body
  /** Whether a process of the app gets to an address. */
  const reaches = async (host: string): Promise<boolean> => {
    const probe =
      'use IO::Socket::INET; exit(IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 5432, Timeout => 2) ? 0 : 3)'
    const { code, stderr } = await berth.berth(['run', '-a', name, '--', 'perl', '-e', probe, host], {
      timeoutMs: 120_000,
    })
    expect(code, stderr).to.be.oneOf([0, 3])
    return code === 0
  }
  const releases = async () =>
    JSON.parse((await berth.succeed('releases', '-a', name, '--json')).stdout) as {
      version: number
      description: string
    }[]

  before(async () => {
    berth = await instance()
    const made = await berth.berth(['services:create', 'postgres', db], { timeoutMs: 600_000 })
    expect(made, made.stderr).to.include({ code: 0 })
    const repo = await berth.repository(app)
    name = await createApp(berth, repo, 'notes')
    const pushed = await repo.push()
    expect(pushed, pushed.stderr).to.include({ code: 0 })
  })

  it('has the URL with the next release, and reaches what nobody else does', async () => {
    await using store = await openStore(berth.config)
    const engine = connectEngine(berth.config)
    const service = await store.services.get(db)
    const server = await serverOf({ engine, config: berth.config }, service)
    const [alone = ''] = Object.values(server?.NetworkSettings.Networks ?? {}).map(({ IPAddress }) => IPAddress)
    expect(alone).to.match(/^10\./)
    expect(await url()).to.equal('none')
    expect(await reaches(alone)).to.equal(false)
    expect(await reaches(`service-${service.id}`)).to.equal(false)
    const { stderr } = await berth.succeed('services:link', db, '-a', name)
    expect(stderr).to.match(/done, v\d+\nDATABASE_URL has its URL/)
    expect(await url()).to.match(
      new RegExp(`^postgres://link_[0-9a-f]{12}_1:[0-9a-f]{48}@service-${service.id}:5432/main$`),
    )
    expect(await reaches(`service-${service.id}`)).to.equal(true)
    expect(await reaches(alone)).to.equal(false)
    const { stderr: refused } = await berth.berth(['config:set', 'DATABASE_URL=x', '-a', name])
    expect(refused).to.contain('URL of a service')
    const { stdout } = await berth.succeed('run', '-a', name, '--', 'sh', '-c', 'echo $DATABASE_URL')
    expect(stdout.trim()).to.equal(await url())
  })

  it('loses no request while it gets another password', async () => {
    const before = await url()
    const failed: string[] = []
    const over = new AbortController()
    const load = (async () => {
      while (!over.signal.aborted) {
        const { status, body } = await berth.curl(name)
        if (status !== 200) failed.push(`${String(status)} ${body}`)
      }
    })()
    await berth.succeed('services:rotate', db, '-a', name)
    over.abort()
    await load
    expect(failed).to.deep.equal([])
    expect(await url())
      .to.match(/link_[0-9a-f]{12}_2:/)
      .and.not.to.equal(before)
  })

  it('goes back to before the link and to it again, and runs without one that was revoked', async () => {
    const linked = (await releases()).find(({ description }) => description === `Link ${db}`)?.version ?? 0
    const now = await url()
    await berth.succeed('rollback', `v${String(linked - 1)}`, '-a', name)
    expect(await url()).to.equal('none')
    await berth.succeed('rollback', `v${String(linked)}`, '-a', name)
    expect(await url()).to.equal(now)
    await berth.succeed('services:unlink', db, '-a', name)
    expect(await url()).to.equal('none')
    await berth.succeed('rollback', `v${String(linked)}`, '-a', name)
    expect(await url()).to.equal('none')
  })
})
