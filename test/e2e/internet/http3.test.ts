import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Diagnosis } from '../../../src/api/contract.js'
import { pidsFile } from '../../../src/serve/instance.js'
import { Pids } from '../../../src/serve/pids.js'
import { askHttp3, withHttp3 } from '../../plugins/haproxy/http3-rig.js'
import { run } from '../../run.js'
import { running } from '../apps.js'
import { createApp, home, startInstance, type Instance } from '../instance.js'

/** A port that only root may open, as 443 is, and nobody has. */
async function privilegedPort(): Promise<number> {
  for (let port = 700; port < 1024; port++) {
    const server = createServer().listen(port)
    const opened = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ])
    if (!opened) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('no port is free below 1024')
}

const source = `let begun = 0
require('http').createServer((req, res) => {
  if (req.url === '/begun') return res.end(String(begun))
  if (req.url !== '/slow') return res.end('hello')
  begun++
  res.write('slow ')
  setTimeout(() => res.end('but whole'), 4000)
}).listen(process.env.PORT)`

describe('HTTP/3 at the built Berth', function () {
  this.timeout(600_000)
  let programs: Awaited<ReturnType<typeof withHttp3>>
  let berth: Instance
  let port = 0
  let name = ''
  before(async () => {
    programs = await withHttp3()
    port = await privilegedPort()
    berth = await startInstance({ settings: { BERTH_HTTPS_PORT: String(port), BERTH_ROUTER: 'haproxy' } })
    const repo = await berth.repository(running(source))
    name = await createApp(berth, repo, 'swift')
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
  })
  after(async () => {
    await berth[Symbol.asyncDispose]()
    programs[Symbol.dispose]()
  })

  const by3 = (path = '/') => askHttp3(programs.curl, berth.config.appHost(name), port, { path })
  const pid = (of: string) => new Pids(pidsFile(berth.config)).alive()[of]?.pid ?? 0
  const up = async (settings: Record<string, string>): Promise<void> => {
    const { code, stderr } = await run(`${home}/bin/berth`, ['up'], {
      env: { ...berth.env, ...settings },
      timeoutMs: 240_000,
    })
    expect(code, stderr).to.equal(0)
  }
  /** What comes by TLS over TCP is told of HTTP/3. */
  const offer = async (): Promise<string | undefined> => {
    const url = `https://${berth.config.appHost(name)}:${String(port)}/`
    const { stdout } = await run(programs.curl, ['-sSk', '-i', '--max-time', '30', url], { env: berth.env })
    expect(stdout).to.match(/^HTTP\/2 200/)
    return /^alt-svc: (.*?)\r$/im.exec(stdout)?.[1]
  }
  const capabilities = async (of: number): Promise<string> =>
    /^CapEff:\s+(\S+)$/m.exec(await readFile(`/proc/${String(of)}/status`, 'utf8'))?.[1] ?? ''
  const doctor = async (): Promise<string> => {
    const { findings } = JSON.parse((await berth.berth(['doctor', '--json'])).stdout) as Diagnosis
    return findings
      .filter(({ message }) => message.includes('HTTP/3'))
      .map(({ level, message }) => `${level}: ${message}`)
      .join()
  }

  it('is offered, spoken, and told of by the doctor; its process may bind a port of root’s and do nothing else of root’s', async () => {
    expect(await offer()).to.equal(`h3=":${String(port)}"; ma=3600`)
    expect((await by3()).body).to.equal('hello')
    expect(await doctor()).to.match(/^ok: HTTP\/3 is spoken at UDP port \d+/)
    const plane = pid('plane')
    expect(await readFile(`/proc/${String(plane)}/status`, 'utf8')).to.match(/^Uid:\s+(?!0\b)\d+/m)
    const bind = (1 << 10).toString(16).padStart(16, '0') // CAP_NET_BIND_SERVICE, capabilities(7)
    const workers = await readFile(`/proc/${String(plane)}/task/${String(plane)}/children`, 'utf8')
    for (const one of [plane, ...workers.trim().split(' ').map(Number)]) {
      expect(await capabilities(one)).to.equal(bind)
      expect(await readFile(`/proc/${String(one)}/status`, 'utf8')).to.match(new RegExp(`^CapBnd:\\s+${bind}$`, 'm'))
    }
    for (const other of ['router', 'api', 'worker', 'redis'])
      expect(await capabilities(pid(other)), other).to.match(/^0+$/)
  })

  it('goes on with what it has when Berth is taken over, when HAProxy is told to begin anew, and after it was killed', async () => {
    // a connection that has asked for nothing yet is closed by a worker that leaves
    const begun = async (count: number): Promise<void> => {
      while (Number((await by3('/begun')).body) < count);
    }
    const slow = by3('/slow')
    await begun(1)
    const plane = pid('plane')
    await up({ BERTH_CRON_LIMIT: '20h' })
    expect(pid('plane')).to.equal(plane)
    expect((await by3()).body).to.equal('hello')
    expect((await slow).body).to.equal('slow but whole')
    const next = by3('/slow')
    await begun(2)
    await up({ BERTH_CLIENT_CONNECTIONS: '900' }) // it reads its configuration again
    expect((await by3()).body).to.equal('hello')
    expect((await next).body).to.equal('slow but whole')
    process.kill(plane, 'SIGKILL')
    expect((await by3()).body).to.equal('hello')
  })

  it('goes where it is turned off, and where the router listens itself, and comes back', async () => {
    await up({ BERTH_HTTP3: 'off' })
    expect(await offer()).to.equal(undefined)
    expect(await doctor()).to.equal('')
    expect(await capabilities(pid('plane'))).to.match(/^0+$/)
    await up({ BERTH_HTTP3: 'on' })
    expect(await offer()).to.match(/^h3=/)
    expect((await by3()).body).to.equal('hello')
    await up({ BERTH_ROUTER: 'node' })
    expect(await offer()).to.equal(undefined)
    const taken = createSocket('udp6').bind(port)
    await once(taken, 'listening')
    await up({ BERTH_ROUTER: 'haproxy' })
    expect(await offer(), 'another program has the UDP port').to.equal(undefined)
    expect(await doctor()).to.match(/^warning: no HTTP\/3: Berth does not have UDP port \d+/)
    expect(await readFile(join(berth.config.root, 'log', 'serve.log'), 'utf8')).to.match(
      new RegExp(`no HTTP/3: UDP port ${String(port)} is taken`),
    )
  })
})
