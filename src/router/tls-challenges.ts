import type { SecureContext } from 'node:tls'
import { selfSigned } from './self-signed.js'
import { contextOf } from './shown.js'

/** What CAs are shown in the handshake that ask whether a hostname leads here (RFC 8737), while they may. */
export class TlsChallenges {
  readonly #digests = new Map<string, Buffer>()
  readonly #contexts = new Map<string, SecureContext>()

  /** Takes all of them anew. @param digests of what a token is answered with, by hostname */
  replace(digests: ReadonlyMap<string, Buffer>): void {
    for (const [host, digest] of this.#digests)
      if (digests.get(host)?.equals(digest) !== true) this.#contexts.delete(host)
    this.#digests.clear()
    for (const [host, digest] of digests) this.#digests.set(host, digest)
  }

  /** A certificate that says it; undefined where nothing is to be proven. */
  contextFor(servername: string): SecureContext | undefined {
    const host = servername.toLowerCase()
    const digest = this.#digests.get(host)
    if (digest === undefined) return undefined
    const context = this.#contexts.get(host) ?? contextOf(selfSigned(host, { digest }))
    this.#contexts.set(host, context)
    return context
  }
}
