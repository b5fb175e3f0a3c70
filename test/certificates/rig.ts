import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Certifier, type CertifierDeps } from '../../src/certificates/certifier.js'
import { tokenIn } from '../../src/router/challenge.js'
import { createLog } from '../../src/log.js'
import type { AcmeJob } from '../../src/store/acme.js'
import type { App } from '../../src/store/apps.js'
import { startDns, type DnsServer } from '../dns.js'
import { storeRig, type StoreRig } from '../store/rig.js'
import { startPebble, type Pebble, type PebbleOptions } from './pebble.js'

/** A store, a name server where all of example.org leads here, what answers there, and a CA that asks. */
export interface CertifierRig extends AsyncDisposable {
  readonly config: StoreRig['config']
  readonly store: StoreRig['store']
  readonly pebble: Pebble
  readonly dns: DnsServer
  readonly web: Server
  /** An app that wants certificates for these domains. */
  app(name: string, ...hosts: string[]): Promise<App>
  certifier(deps?: Partial<CertifierDeps>): Promise<Certifier>
  /** Waits until a job looks so. */
  job(app: App, host: string, until: (job: AcmeJob) => boolean): Promise<AcmeJob>
}

/** The key may not change what is below `_acme-challenge.kept`, and may where that leads. */
const alias = '_acme-challenge.kept CNAME kept._acme-challenge'

/**
 * @param key with which the name server lets TXT records be made
 * @param listen `ADDRESS@PORT` of loopback that the name server is at
 */
export async function certifierRig(
  options: Omit<Partial<PebbleOptions>, 'dns' | 'httpPort'> = {},
  key?: { readonly name: string; readonly secret: string },
  listen?: string,
): Promise<CertifierRig> {
  const stores = await storeRig()
  const { store, config } = stores
  const dns = await startDns(
    { 'example.org': ['* A 127.0.0.1', 'nowhere TXT x', 'away A 127.0.0.2', alias] },
    key,
    listen,
  )
  const web = createServer((request, response) => {
    const token = tokenIn(request, request.url ?? '')
    void (token === null ? Promise.resolve(null) : stores.other.acme.answerTo(token)).then((text) => {
      response.statusCode = text === null ? 404 : 200
      response.end(text ?? 'nothing')
    })
  })
  await once(web.listen(0, '127.0.0.1'), 'listening')
  const pebble = await startPebble({ httpPort: (web.address() as AddressInfo).port, dns: dns.address, ...options })
  return {
    ...{ config, store, pebble, dns, web },
    app: async (name, ...hosts) => {
      const { id } = await store.apps.create(name)
      const domains = hosts.map((host) => ({ host, createdAt: new Date().toISOString() }))
      return store.apps.update(id, { domains, autoCerts: true })
    },
    certifier: async (deps = {}) => {
      const authorities = [{ directory: pebble.directory, ca: pebble.ca }] as const
      const log = createLog('test', { level: 'silent' })
      const given = { store, authorities, appHost: (app: string) => config.appHost(app), log, pace: 20, ...deps }
      const certifier = new Certifier(given)
      await certifier.start()
      return certifier
    },
    job: async (app, host, until) => {
      for (;;) {
        const job = await store.acme.job({ app: app.id, host })
        if (job && until(job)) return job
        await sleep(20) // nobody tells of jobs
      }
    },
    [Symbol.asyncDispose]: async () => {
      await pebble[Symbol.asyncDispose]()
      await dns[Symbol.asyncDispose]()
      web.closeAllConnections()
      await new Promise((resolve) => web.close(resolve))
      await stores.store.notifications.close()
      await stores[Symbol.asyncDispose]()
    },
  }
}
