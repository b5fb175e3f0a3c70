import { expect } from 'chai'
import { Resolver } from 'node:dns/promises'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DnsUpdates } from '../../plugins/dns-rfc2136/updates.js'
import { signatureOf } from '../../src/plugins/signed.js'
import { changePlugin } from '../../src/plugins/catalog.js'
import type { TxtRecord } from '../../src/plugins/public.js'
import { startApi, type ApiServer } from '../plugins/dns/api-server.js'
import { createLog } from '../../src/log.js'
import { adoptDnsSettings } from '../../src/certificates/dns/adopt.js'
import { DnsProviders } from '../../src/certificates/dns/providers.js'
import { RunningPlugins } from '../../src/plugins/running.js'
import { freeListen } from '../dns.js'
import { certifierRig } from './rig.js'

const key = {
  algorithm: 'hmac-sha256',
  name: 'berth',
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}

const never = new AbortController().signal

describe('a wildcard', function () {
  this.timeout(30_000)

  it('is proven by DNS as the settings of before there were plugins say, and its neighbours by what is answered there', async () => {
    await using rig = await certifierRig({ refuses: 30 }, key)
    const { store, dns, pebble } = rig
    const app = await rig.app('wild', '*.example.org', 'www.example.org')
    await adoptDnsSettings(store, { server: dns.address, key })
    await using plugins = new RunningPlugins({ ...rig, log: createLog('test', { level: 'silent' }), kinds: ['dns'] })
    await using certifier = await rig.certifier({ dns: new DnsProviders({ plugins, store, resolvers: [] }) })
    expect(certifier).to.be.an('object')
    for (const host of ['*.example.org', 'www.example.org']) {
      const job = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
      expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal([host])
    }
    expect(pebble.issued()).to.equal(2)
    expect((await store.certificates.find('any.example.org', app.id))?.names).to.deep.equal(['*.example.org'])
  })

  it('is proven where the name that a CA asks for is an alias of another', async () => {
    await using rig = await certifierRig({}, key)
    const { store, dns, pebble } = rig
    const app = await rig.app('wild', '*.kept.example.org')
    await adoptDnsSettings(store, { server: dns.address, key })
    await using plugins = new RunningPlugins({ ...rig, log: createLog('test', { level: 'silent' }), kinds: ['dns'] })
    await using certifier = await rig.certifier({ dns: new DnsProviders({ plugins, store, resolvers: [dns.address] }) })
    expect(certifier).to.be.an('object')
    const job = await rig.job(app, '*.kept.example.org', ({ certificate, order, failures }) => {
      expect(failures).to.equal(0)
      return certificate !== null && order === null
    })
    expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal(['*.kept.example.org'])
    expect(pebble.issued()).to.equal(1)
    const resolver = new Resolver()
    resolver.setServers([dns.address])
    const left = await resolver.resolveTxt('kept._acme-challenge.example.org').catch(() => [])
    expect(left, 'nothing is left').to.deep.equal([])
  })

  /** A web service that changes the name server's records when it is asked to by who knows the secret. */
  const startHook = (server: string, secret: string): Promise<ApiServer> =>
    startApi(
      ({ headers, body }) => {
        const time = String(headers['berth-time'])
        if (headers['berth-signature'] !== `sha256=${signatureOf(body, time, secret)}`) return { status: 403, body: '' }
        const { action, ...record } = JSON.parse(body) as TxtRecord & { action: 'add' | 'remove' }
        // it has taken the order, and does it a while later, as providers do
        setTimeout(() => void new DnsUpdates({ server, key })[action](record, never).catch(() => undefined), 500)
        return { status: 202, body: '' }
      },
      { status: 429, body: '', headers: { 'retry-after': '0' } },
    )

  /** The same as a program. */
  const writeProgram = async (server: string, folder: string): Promise<string> => {
    const command = join(folder, 'change.mjs')
    const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
    const script = `#!${process.execPath} --import=${source('strip-types.js')}
import { text } from 'node:stream/consumers'
import { DnsUpdates } from 'file://${source('plugins/dns-rfc2136/updates.js')}'
const { action, type, ...record } = JSON.parse(await text(process.stdin))
if (action !== process.argv[2] || type !== 'TXT') process.exit(2)
const updates = new DnsUpdates({ server: '${server}', key: ${JSON.stringify(key)} })
await updates[action](record, new AbortController().signal)
`
    await writeFile(command, script)
    await chmod(command, 0o755)
    return command
  }

  for (const plugin of ['dns-webhook', 'dns-exec'] as const)
    it(`is proven by ${plugin}, when all name servers of the zone say so, and nothing is left`, async () => {
      await using rig = await certifierRig({}, key, freeListen())
      const { store, dns } = rig
      const folder = await mkdtemp(join(tmpdir(), 'berth-wildcard-'))
      const secret = 'a secret of the two'
      await using hook = await startHook(dns.address, secret)
      const settings = {
        'dns-webhook': { url: hook.url, secret, zones: 'example.org' },
        'dns-exec': { command: await writeProgram(dns.address, folder), zones: 'example.org' },
      }[plugin]
      await changePlugin(store, plugin, { settings: { ...settings }, enabled: true })
      const app = await rig.app('wild', '*.example.org')
      await using plugins = new RunningPlugins({ ...rig, log: createLog('test', { level: 'silent' }), kinds: ['dns'] })
      const records = new DnsProviders({ plugins, store, resolvers: [dns.address] })
      await using certifier = await rig.certifier({ dns: records })
      expect(certifier).to.be.an('object')
      const job = await rig.job(
        app,
        '*.example.org',
        ({ certificate, order }) => certificate !== null && order === null,
      )
      expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal(['*.example.org'])
      const resolver = new Resolver()
      resolver.setServers([dns.address])
      const left = async (): Promise<number> =>
        (await resolver.resolveTxt('_acme-challenge.example.org').catch(() => [])).length
      while ((await left()) > 0) await sleep(50) // whoever asks for it to be removed is not told when it is
      await rm(folder, { recursive: true })
    })
})
