import { randomInt } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { inside } from '../../engine/networks/lab.js'
import { startPeer, type Peer } from '../../engine/networks/peer.js'
import { patience } from '../../patience.js'
import { must, run, type Outcome } from '../../run.js'
import { openRegistry } from '../engine/registry-lab.js'
import { createApp, startInstance, type Instance } from '../instance.js'

const dockerfile = `FROM debian:bookworm-slim
RUN printf 'private' > /index.html && printf '#!/usr/bin/perl\\nuse IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1); while (my $c = $s->accept) { while (<$c>) { last if /^\\\\r?$/ } print $c "HTTP/1.1 200 OK\\\\r\\\\nContent-Length: 7\\\\r\\\\nConnection: close\\\\r\\\\n\\\\r\\\\nprivate"; close $c }\\n' > /serve && chmod 755 /serve
CMD ["/usr/bin/perl", "/serve"]
`

describe('an image of a registry that wants a password', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  /** Another machine: builds reach none of the server's own addresses. */
  let machine: Peer
  const octet = randomInt(1, 250)
  const [near, far] = [`198.19.${String(octet)}.5`, `198.19.${String(octet)}.6`]
  const link = `br${octet.toString(16)}g`
  before(async () => {
    berth = await startInstance({ settings: { BERTH_INSECURE_REGISTRIES: '198.19.0.0/16' } })
    machine = await startPeer('registry')
    await must('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(machine.pid)])
    await must('ip', ['address', 'add', `${near}/30`, 'dev', link])
    await must('ip', ['link', 'set', link, 'up'])
    inside(machine, 'ip', 'address', 'add', `${far}/30`, 'dev', 'eth0')
    inside(machine, 'ip', 'link', 'set', 'eth0', 'up')
  })
  after(async () => {
    await run('ip', ['link', 'delete', link])
    await machine[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
  })

  it('is deployed, and built on, once the server has the password', async () => {
    const dir = await mkdtemp(join(berth.dir, 'registry-'))
    await writeFile(join(dir, 'htpasswd'), await must('htpasswd', ['-Bbn', 'me', 'right']))
    await using registry = await openRegistry(
      { pid: () => machine.pid },
      {
        address: far,
        more: [`auth: {htpasswd: {realm: berth, path: "${dir}/htpasswd"}}`],
      },
    )
    const name = `${registry.host}/me/private:1`
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${berth.config.engineSocket}`,
      DOCKER_CONFIG: join(dir, 'docker'),
    }
    const docker = (args: readonly string[], input = ''): Promise<string> => must('docker', args, { env, input })
    await writeFile(join(dir, 'Dockerfile'), dockerfile)
    await docker(['build', '-q', '-t', name, '-f', join(dir, 'Dockerfile'), dir])
    await docker(['login', '-u', 'me', '--password-stdin', registry.host], 'right')
    await docker(['push', '-q', name])
    await docker(['rmi', '-f', name])
    const app = await createApp(berth, await berth.repository({}), 'registry')
    const deploy = (): Promise<Outcome> => berth.berth(['deploy', '--image', name, '-a', app], { timeoutMs: 120_000 })
    const login = (password: string): Promise<Outcome> =>
      berth.berth(['registry:login', registry.host, 'me'], { input: password })

    const refused = await deploy()
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.include(`${name} is not there, or not for this login`)
    expect(refused.stderr).to.match(/registry:login 198\.19\.\d+\.6:\d+ USER/)
    expect((await login('wrong')).code).to.equal(0)
    expect((await deploy()).code).to.equal(1)
    const said = await login('right')
    expect([said.code, said.stdout, said.stderr.includes('right')]).to.deep.equal([0, '', false])
    const listed = await berth.berth(['registry', '--json'])
    expect(JSON.parse(listed.stdout)).to.deep.equal([{ host: registry.host, user: 'me' }])
    const deployed = await deploy()
    expect(deployed.code, deployed.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('private')
    expect(deployed.stderr).not.to.include('right')

    // the tag means the same still; then another image; then nobody can say what it means
    const same = await deploy()
    expect([same.code, /as v\d+: nothing is restarted/.test(same.stderr)], same.stderr).to.deep.equal([0, true])
    await docker(['tag', name, 'before'])
    const other = `FROM ${name}\nRUN sed -i s/private/changed/ /serve\n`
    await writeFile(join(dir, 'Dockerfile'), other)
    await docker(['build', '-q', '-t', name, '-f', join(dir, 'Dockerfile'), dir])
    await docker(['push', '-q', name])
    await docker(['tag', 'before', name])
    const moved = await deploy()
    expect(moved.code, moved.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('changed')
    await registry[Symbol.asyncDispose]()
    const away = await deploy()
    expect(away.code, away.stderr).to.equal(0)
    expect(away.stderr).to.match(/WARNING: \S+\/me\/private:1 is used as it is here: .*connection refused/)

    expect((await berth.berth(['registry:logout', registry.host])).code).to.equal(0)
    expect((await berth.berth(['registry:logout', registry.host])).stderr).to.match(/there is no login for/)
  })
})
