import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { expect } from 'chai'
import type { CertView, DomainCheck, DomainInfo } from '../../../src/api/contract.js'
import { pidsFile } from '../../../src/serve/instance.js'
import { Pids } from '../../../src/serve/pids.js'
import { startPebble, type Pebble } from '../../certificates/pebble.js'
import { startDns } from '../../dns.js'
import { freePort } from '../../free.js'
import { freshName, startInstance, type Instance } from '../instance.js'

describe('an app on the internet', function () {
  this.timeout(180_000)
  const used: AsyncDisposable[] = []
  let dir: string
  let httpsPort: number
  let pebble: Pebble
  let berth: Instance
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-internet-'))
    const httpPort = await freePort()
    httpsPort = await freePort()
    const dns = await startDns({ 'example.org': ['* A 127.0.0.1', 'away A 192.0.2.1'] })
    used.push(dns)
    pebble = await startPebble({ httpPort, dns: dns.address, refuses: 30 })
    used.push(pebble)
    const caFile = join(dir, 'ca.pem')
    await writeFile(caFile, pebble.ca)
    await chmod(dir, 0o755) // the worker is another account's
    berth = await startInstance({
      settings: {
        BERTH_HTTP_PORT: String(httpPort),
        BERTH_HTTPS_PORT: String(httpsPort),
        BERTH_ACME_DIRECTORY: pebble.directory,
        BERTH_ACME_CA: caFile,
        BERTH_RESOLVERS: dns.address,
        BERTH_ADDRESSES: '127.0.0.1',
      },
    })
    used.push(berth)
  })
  after(async () => {
    for (const one of used.reverse()) await one[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await berth.succeed(...args)).stdout) as T

  /** The names of the certificate that the router shows to clients of a hostname. */
  const namesShown = async (servername: string): Promise<string | undefined> => {
    const socket = connect({ host: '127.0.0.1', port: httpsPort, servername, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { subjectAltName } = socket.getPeerX509Certificate() ?? {}
    socket.destroy()
    return subjectAltName
  }

  it('answers at its domains at once, and has one certificate of each, though the worker is killed', async () => {
    const app = freshName('shop')
    await berth.succeed('apps:create', app)
    const at = (host: string) => berth.curl(app, '/', '-H', `Host: ${host}`)
    expect((await at('shop.example.org')).status).to.equal(404)
    await berth.succeed('domains:add', 'shop.example.org', '*.example.org', 'away.example.org', '-a', app)
    expect((await at('shop.example.org')).status, 'nothing was pushed').to.equal(503)
    expect((await at('any.example.org')).status).to.equal(503)
    const checked = await berth.berth(['domains:check', '--json', '-a', app])
    expect(checked.code).to.not.equal(0)
    expect((JSON.parse(checked.stdout) as DomainCheck[]).map(({ host, status }) => `${host} ${status}`)).to.deep.equal([
      `${app}.localhost partly`,
      'shop.example.org here',
      '*.example.org here',
      'away.example.org elsewhere',
    ])

    const finalized = (async () => {
      for (;;) {
        const [line] = (await once(pebble.lines, 'line')) as [string]
        if (line.includes('/finalize-order/')) return
      }
    })()
    const { hosts } = await json<{ hosts: string[] }>('certs:auto', 'on', '--json', '-a', app)
    expect(hosts).to.deep.equal(['shop.example.org', 'away.example.org'])
    await finalized
    const { worker } = new Pids(pidsFile(berth.config)).alive()
    process.kill(worker?.pid ?? 0, 'SIGKILL')

    let all: CertView[] = []
    while (all.length === 0) {
      all = await json<CertView[]>('certs', '--json', '-a', app)
      if (all.length === 0) await sleep(200)
    }
    expect(all).to.have.length(1)
    expect(all[0]).to.deep.include({ names: ['shop.example.org'], source: 'acme', serves: ['shop.example.org'] })
    expect(pebble.issued()).to.equal(1)
    expect(await namesShown('shop.example.org'), 'clients are shown it').to.equal('DNS:shop.example.org')
    expect(await namesShown('away.example.org'), 'and no other hostname').to.not.equal('DNS:shop.example.org')
    let away: DomainInfo | undefined
    while (away?.order?.failure == null) {
      away = (await json<DomainInfo[]>('domains', '--json', '-a', app)).find(({ host }) => host === 'away.example.org')
      if (away?.order?.failure == null) await sleep(200)
    }
    expect(away.order.failure).to.match(/see `berth domains:check`/)
    expect(Date.parse(away.order.next)).to.be.greaterThan(Date.now())

    await berth.succeed('domains:remove', 'shop.example.org', '-a', app)
    expect((await at('shop.example.org')).status, 'the wildcard has it').to.equal(503)
    while ((await json<CertView[]>('certs', '--json', '-a', app)).length > 0) await sleep(200)
  })
})
