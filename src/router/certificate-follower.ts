import { join } from 'node:path'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { Acme } from '../store/acme.js'
import type { Certificate, Certificates } from '../store/certificates.js'
import { KeptList } from './kept-list.js'
import type { ShownCertificates } from './shown.js'
import { TlsChallenges } from './tls-challenges.js'

/** Whether a value is a certificate in every field that is used here. */
function isCertificate(value: unknown): value is Certificate {
  if (typeof value !== 'object' || value === null) return false
  const { id, names, chain, key, notBefore, notAfter, app } = value as Record<string, unknown>
  return (
    [id, chain, key].every((text) => typeof text === 'string') &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    [notBefore, notAfter].every((time) => typeof time === 'number') &&
    (app === null || typeof app === 'string')
  )
}

/** Keeps the certificates that are shown equal to the store's, and remembers them for a start while Redis is away. */
export class CertificateFollower {
  readonly shown: ShownCertificates
  readonly challenges = new TlsChallenges()
  readonly #kept: KeptList<Certificate>
  readonly #log: Logger
  readonly #changed = new Set<string>()
  #all = false
  #challenged = false

  constructor(shown: ShownCertificates, root: string, log: Logger) {
    this.shown = shown
    this.#kept = new KeptList(join(root, 'router', 'certificates.json'), isCertificate)
    this.#log = log
  }

  /** Shows those last known. */
  async load(): Promise<void> {
    this.shown.replace(await this.#kept.load())
  }

  /** One is new, another, or gone; without an id any may be. */
  changed(id?: string): void {
    if (id === undefined) this.#all = this.#challenged = true
    else this.#changed.add(id)
  }

  /** A CA is to be shown something else in a handshake. */
  challenged(): void {
    this.#challenged = true
  }

  /** There is something to be read. */
  get behind(): boolean {
    return this.#all || this.#challenged || this.#changed.size > 0
  }

  /** Reads what has changed. What cannot be read is known to no one, and what was shown goes on. @param keep whether it is to be remembered */
  async catchUp(
    store: Pick<Certificates, 'list' | 'get'>,
    acme: Pick<Acme, 'tlsAnswers'>,
    keep: boolean,
  ): Promise<void> {
    const ids = [...this.#changed]
    const [all, challenged] = [this.#all, this.#challenged]
    this.#changed.clear()
    this.#all = this.#challenged = false
    try {
      if (challenged) this.challenges.replace(await acme.tlsAnswers())
      if (all) this.shown.replace((await store.list()).filter(isCertificate))
      else for (const id of ids) await this.#read(store, id)
      if (keep && (all || ids.length > 0)) await this.#kept.save(() => this.shown.all())
    } catch (error) {
      this.#log.error(`cannot read the certificates: ${messageOf(error)}`)
    }
  }

  async #read(store: Pick<Certificates, 'get'>, id: string): Promise<void> {
    const certificate = await store.get(id)
    if (certificate === null) this.shown.remove(id)
    else if (isCertificate(certificate)) this.shown.put(certificate)
  }
}
