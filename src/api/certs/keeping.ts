import { createHash, X509Certificate } from 'node:crypto'
import { readCertificate, subjectName } from '../../certificates/read.js'
import { BerthError } from '../../errors.js'
import { certificateFor, coversHost, type Certificate } from '../../store/certificates.js'
import type { Store } from '../../store/store.js'
import type { CertInfo, CertView } from './contract.js'
import type { CertOwner } from './owner.js'

/** How many an app may have, and the platform. */
const mostCertificates = 100

const noCert = (id: string, { name, option }: CertOwner): BerthError =>
  new BerthError('missing', `${name} has no certificate ${id}`, `see \`berth certs ${option}\``)

/** The certificates of an owner, as the API has them. */
export class KeptCertificates {
  readonly #store: Pick<Store, 'certificates'>
  constructor(store: Pick<Store, 'certificates'>) {
    this.#store = store
  }

  async list(owner: CertOwner): Promise<CertView[]> {
    const all = await this.#store.certificates.list()
    return mine(all, owner).map((one) => viewCert(one, all, owner))
  }

  /** @throws BerthError `missing` */
  async info(owner: CertOwner, id: string): Promise<CertInfo> {
    const { one, view } = await this.#find(owner, id)
    return { ...view, ...detailsOf(one) }
  }

  /** @throws BerthError `invalid` that says what is wrong with it, `conflict` when they are too many */
  async add(owner: CertOwner, { chain, key }: Pick<Certificate, 'chain' | 'key'>): Promise<CertView> {
    const { certificates } = this.#store
    const read = readCertificate(chain, key)
    checkCovers(read.names, owner)
    const before = mine(await certificates.list(), owner)
    const id = idOf(owner, read.chain)
    if (before.length >= mostCertificates && !before.some((one) => one.id === id))
      throw new BerthError(
        'conflict',
        `an app has ${mostCertificates} certificates at most, and ${owner.name} has them`,
        'remove those that serve nothing with `berth certs:remove`',
      )
    const one: Certificate = { id, ...read, source: 'own', app: owner.id }
    await certificates.put(one)
    return viewCert(one, await certificates.list(), owner)
  }

  /** @throws BerthError `missing` */
  async remove(owner: CertOwner, id: string): Promise<CertView> {
    const { view } = await this.#find(owner, id)
    if (!(await this.#store.certificates.remove(id))) throw noCert(id, owner)
    return view
  }

  async #find(owner: CertOwner, id: string): Promise<{ one: Certificate; view: CertView }> {
    const all = await this.#store.certificates.list()
    const one = mine(all, owner).find((other) => other.id === id)
    if (!one) throw noCert(id, owner)
    return { one, view: viewCert(one, all, owner) }
  }
}

const mine = (all: readonly Certificate[], { id }: CertOwner): Certificate[] =>
  all.filter((one) => one.app === id).sort((a, b) => (a.names.join() < b.names.join() ? -1 : 1))

/** The same certificate has the same id, in one app. */
const idOf = ({ id }: CertOwner, chain: string): string =>
  createHash('sha256')
    .update(`${id ?? ''} ${new X509Certificate(chain).fingerprint256}`)
    .digest('hex')
    .slice(0, 12)

/** @throws BerthError `invalid` of one that none of its owner's hostnames could be served with */
function checkCovers(names: readonly string[], { id, name, hosts }: CertOwner): void {
  if (hosts.some((host) => names.some((one) => coversHost(one, host)))) return
  const few = (all: readonly string[]): string => all.slice(0, 3).join(', ') + (all.length > 3 ? ', …' : '')
  if (id === null)
    throw new BerthError(
      'invalid',
      `the certificate is for ${few(names)}, and ${name} is at ${few(hosts)}`,
      'give it to the app that has the hostname: -a APP',
    )
  throw new BerthError(
    'invalid',
    `the certificate is for ${few(names)}, and ${name} has none of these hostnames`,
    `add the domain first: \`berth domains:add ${names[0] ?? 'HOST'} -a ${name}\``,
  )
}

function viewCert(one: Certificate, all: readonly Certificate[], { served }: CertOwner): CertView {
  const { id, names, notBefore, notAfter, source } = one
  return {
    ...{ id, names: [...names], source, issuer: subjectName(new X509Certificate(one.chain).issuer) },
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    serves: served
      .filter(({ host }) => names.some((name) => coversHost(name, host)))
      .filter(({ host, app }) => certificateFor(all, host, app)?.id === id)
      .map(({ host }) => host),
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
