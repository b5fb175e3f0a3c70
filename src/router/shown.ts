import type { SecureContext } from 'node:tls'
import { certificateFor, type Certificate } from '../store/certificates.js'
import { normaliseHost } from './host.js'
import type { KeyPair } from './self-signed.js'

/** Contexts kept: each takes some 30 KiB, and 5 ms to make. */
const mostContexts = 500
/** Names whose certificate is remembered. */
const mostNames = 10_000
/** ms for which it is: a certificate may come into force, or end. */
const rememberedFor = 60_000

/** For every context: what is not broken, and what browsers of the last ten years speak (Mozilla's "intermediate"). */
export const tlsDefaults = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
  /** One for all, so that a session is taken up again whatever certificate it began with. */
  sessionIdContext: 'berth',
} as const

/** Drops the oldest where there are too many; a `Map` keeps the order in which its keys came. */
function bounded<K, V>(map: Map<K, V>, most: number, key: K, value: V): V {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) for (const oldest of map.keys()) return (map.delete(oldest), value)
  return value
}

/** Which certificate is shown to whom. What changes here is seen by the next handshake; connections that are there go on. */
export class ShownCertificates {
  readonly #all = new Map<string, Certificate>()
  readonly #contexts = new Map<string, SecureContext>()
  readonly #names = new Map<string, { readonly id: string | undefined; readonly until: number }>()
  readonly #ownerOf: (host: string) => string | null
  readonly #failed: (certificate: Certificate, error: unknown) => void

  /**
   * @param ownerOf id of the app that has a hostname; null when none has
   * @param failed is told of a certificate that OpenSSL does not take
   */
  constructor(
    ownerOf: (host: string) => string | null,
    failed: (certificate: Certificate, error: unknown) => void = () => undefined,
  ) {
    this.#ownerOf = ownerOf
    this.#failed = failed
  }

  /** All that there are, to be remembered. */
  all(): Certificate[] {
    return [...this.#all.values()]
  }

  /** Takes all of them anew. */
  replace(certificates: readonly Certificate[]): void {
    const gone = new Set(this.#all.keys())
    for (const one of certificates) {
      gone.delete(one.id)
      this.put(one)
    }
    for (const id of gone) this.remove(id)
  }

  put(certificate: Certificate): void {
    const before = this.#all.get(certificate.id)
    if (before?.chain !== certificate.chain || before.key !== certificate.key) this.#contexts.delete(certificate.id)
    this.#all.set(certificate.id, certificate)
    this.#names.clear()
  }

  remove(id: string): void {
    this.#all.delete(id)
    this.#contexts.delete(id)
    this.#names.clear()
  }

  /** A hostname may have changed hands. */
  forget(): void {
    this.#names.clear()
  }

  /** What to show for a name that a client asks for; undefined when there is nothing for it. */
  contextFor(servername: string, now = Date.now()): SecureContext | undefined {
    const id = this.#idFor(servername, now)
    return id === undefined ? undefined : this.#contextOf(id)
  }

  /** Names of what is shown for one; undefined when there is nothing for it. */
  namesFor(servername: string, now = Date.now()): readonly string[] | undefined {
    const id = this.#idFor(servername, now)
    return id === undefined ? undefined : this.#all.get(id)?.names
  }

  #idFor(servername: string, now: number): string | undefined {
    const host = normaliseHost(servername)
    if (host === null || host !== servername.toLowerCase()) return undefined
    const known = this.#names.get(host)
    return known && known.until > now ? known.id : this.#look(host, now)
  }

  #look(host: string, now: number): string | undefined {
    const id = certificateFor(this.all(), host, this.#ownerOf(host), now)?.id
    return bounded(this.#names, mostNames, host, { id, until: now + rememberedFor }).id
  }

  #contextOf(id: string): SecureContext | undefined {
    const certificate = this.#all.get(id)
    if (!certificate) return undefined
    try {
      const context = this.#contexts.get(id) ?? contextOf(certificate)
      return bounded(this.#contexts, mostContexts, id, context)
    } catch (error) {
      this.#failed(certificate, error)
      return undefined
    }
  }
}

/**
 * OpenSSL's TLS is loaded when it is needed: it takes two MiB.
 * @throws where OpenSSL does not take it
 */
export const contextOf = ({ chain, key }: KeyPair): SecureContext =>
  process.getBuiltinModule('node:tls').createSecureContext({ cert: chain, key, ...tlsDefaults })
