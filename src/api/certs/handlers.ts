import { createHash, X509Certificate } from 'node:crypto'
import { readCertificate, subjectName } from '../../certificates/read.js'
import { hostsOf as allHostsOf, reasonAgainst, type Deciding } from '../../certificates/wanted.js'
import { BerthError } from '../../errors.js'
import { readHostname } from '../../lib/hostname.js'
import type { App } from '../../store/apps.js'
import { certificateFor, coversHost, type Certificate } from '../../store/certificates.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { CertInfo, CertView } from './contract.js'

/** How many an app may have. */
const mostCertificates = 100

const noCert = (id: string, { name }: App): BerthError =>
  new BerthError('missing', `${name} has no certificate ${id}`, `see \`berth certs -a ${name}\``)

export const certHandlers = (platform: ControlApiDeps): HandlersOf<'certs'> => ({
  ...keptHandlers(platform),
  ...orderHandlers(platform),
})

function keptHandlers({ config, store }: ControlApiDeps): Omit<HandlersOf<'certs'>, 'auto' | 'renew'> {
  const hostsOf = (app: App): string[] => allHostsOf(app, (name) => config.appHost(name))
  const mine = (all: readonly Certificate[], app: App): Certificate[] =>
    all.filter((one) => one.app === app.id).sort((a, b) => (a.names.join() < b.names.join() ? -1 : 1))
  const find = async (id: string, app: App): Promise<{ one: Certificate; view: CertView }> => {
    const all = await store.certificates.list()
    const one = mine(all, app).find((other) => other.id === id)
    if (!one) throw noCert(id, app)
    return { one, view: viewCert(one, all, hostsOf(app)) }
  }

  return {
    list: async (_, { app }) => {
      const all = await store.certificates.list()
      return mine(all, app).map((one) => viewCert(one, all, hostsOf(app)))
    },

    info: async ({ cert }, { app }) => {
      const { one, view } = await find(cert, app)
      return { ...view, ...detailsOf(one) }
    },

    add: async ({ chain, key }, { app }) => {
      const read = readCertificate(chain, key)
      checkCovers(read.names, hostsOf(app), app)
      const before = mine(await store.certificates.list(), app)
      const id = idOf(app, read.chain)
      if (before.length >= mostCertificates && !before.some((one) => one.id === id))
        throw new BerthError(
          'conflict',
          `an app has ${mostCertificates} certificates at most, and ${app.name} has them`,
          'remove those that serve nothing with `berth certs:remove`',
        )
      const one: Certificate = { id, ...read, source: 'own', app: app.id }
      await store.certificates.put(one)
      return viewCert(one, await store.certificates.list(), hostsOf(app))
    },

    remove: async ({ cert }, { app }) => {
      const { view } = await find(cert, app)
      if (!(await store.certificates.remove(cert))) throw noCert(cert, app)
      return view
    },
  }
}

function orderHandlers({ config, store }: ControlApiDeps): Pick<HandlersOf<'certs'>, 'auto' | 'renew'> {
  const hostsOf = (app: App): string[] => allHostsOf(app, (name) => config.appHost(name))
  const dns = config.dns !== undefined
  return {
    auto: async ({ auto }, { app: { id } }) => {
      const app = await store.apps.update(id, { autoCerts: auto })
      const all = await store.certificates.list()
      const said = hostsOf(app).map((host) => ({ host, why: reasonAgainst(host, { certificates: all, app: id, dns }) }))
      return {
        auto,
        hosts: auto ? said.filter(({ why }) => why === null).map(({ host }) => host) : [],
        not: auto ? said.flatMap(({ host, why }) => (why === null ? [] : [{ host, why }])) : [],
      }
    },

    renew: async ({ host: text }, { app }) => {
      if (app.autoCerts !== true)
        throw new BerthError(
          'conflict',
          `no certificates are ordered for ${app.name}`,
          `\`berth certs:auto on -a ${app.name}\` has them ordered`,
        )
      const read = text === undefined ? null : readHostname(text)
      const host = read === null ? null : 'host' in read ? read.host : (text ?? '')
      const jobs = (await store.acme.jobsOf(app.id)).filter((job) => host === null || job.host === host)
      if (host !== null && jobs.length === 0)
        throw noOrder(host, app, hostsOf(app), { certificates: await store.certificates.list(), app: app.id, dns })
      for (const job of jobs) await store.acme.update(job, { renew: 0, next: 0 })
      await store.acme.notify()
      return { hosts: jobs.map((job) => job.host).sort() }
    },
  }
}

function noOrder(host: string, { name }: App, hosts: readonly string[], by: Deciding): BerthError {
  const shown = host.slice(0, 80)
  if (!hosts.includes(host))
    return new BerthError('missing', `${name} has no hostname ${shown}`, `see \`berth domains -a ${name}\``)
  const why = reasonAgainst(host, by) ?? 'it is about to be ordered'
  return new BerthError('conflict', `no certificate is ordered for ${shown}: ${why}`)
}

/** The same certificate has the same id, in one app. */
const idOf = (app: App, chain: string): string =>
  createHash('sha256')
    .update(`${app.id} ${new X509Certificate(chain).fingerprint256}`)
    .digest('hex')
    .slice(0, 12)

/** @throws BerthError `invalid` of one that none of the app's hostnames could be served with */
function checkCovers(names: readonly string[], hosts: readonly string[], { name }: App): void {
  if (hosts.some((host) => names.some((one) => coversHost(one, host)))) return
  const few = (all: readonly string[]): string => all.slice(0, 3).join(', ') + (all.length > 3 ? ', …' : '')
  throw new BerthError(
    'invalid',
    `the certificate is for ${few(names)}, and ${name} has none of these hostnames`,
    `add the domain first: \`berth domains:add ${names[0] ?? 'HOST'} -a ${name}\``,
  )
}

function viewCert(one: Certificate, all: readonly Certificate[], hosts: readonly string[]): CertView {
  const { id, names, notBefore, notAfter, source, app } = one
  return {
    ...{ id, names: [...names], source, issuer: subjectName(new X509Certificate(one.chain).issuer) },
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    serves: hosts.filter((host) => certificateFor(all, host, app)?.id === id),
  }
}

function detailsOf({ chain }: Certificate): Omit<CertInfo, keyof CertView> {
  const all = (chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  )
  const [leaf = new X509Certificate(chain)] = all
  const { asymmetricKeyType = '', asymmetricKeyDetails = {} } = leaf.publicKey
  const { modulusLength, namedCurve } = asymmetricKeyDetails
  return {
    key: [asymmetricKeyType, modulusLength ?? namedCurve ?? ''].join(' ').trim(),
    serial: leaf.serialNumber,
    fingerprint: leaf.fingerprint256,
    chain: all.map((one) => `${subjectName(one.subject)}, until ${new Date(Date.parse(one.validTo)).toISOString()}`),
    pem: chain,
  }
}
