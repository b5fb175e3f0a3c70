import { createHash, X509Certificate } from 'node:crypto'
import { readCertificate, subjectName } from '../../certificates/read.js'
import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { certificateFor, coversHost, type Certificate } from '../../store/certificates.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { CertInfo, CertView } from './contract.js'

/** How many an app may have. */
const mostCertificates = 100

const noCert = (id: string, { name }: App): BerthError =>
  new BerthError('missing', `${name} has no certificate ${id}`, `see \`berth certs -a ${name}\``)

export function certHandlers({ config, store }: ControlApiDeps): HandlersOf<'certs'> {
  const hostsOf = (app: App): string[] => [config.appHost(app.name), ...(app.domains ?? []).map(({ host }) => host)]
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
