import { createHash } from 'node:crypto'
import { valueOf } from '../headers.js'

/** Of 128 bits: enough that no two of a kind have the same. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)

/** A cookie of the router's, in which clients say what they were given before. Whoever makes one up gets nowhere that they would not have got anyway. */
export class OwnCookie {
  readonly #name: string
  readonly #pattern: RegExp

  /**
   * @param subject what it is about, the app's id in it: apps that share a hostname by paths share its cookies
   * @param value a pattern of what it holds
   */
  constructor(subject: string, value: string) {
    this.#name = `berth-${digest(subject).slice(0, 8)}`
    this.#pattern = new RegExp(`(?:^|;)[ \\t]*${this.#name}=(${value})[ \\t]*(?:;|$)`)
  }

  /** What a client says. @param headers of the request, `[name, value, …]` */
  in(headers: readonly string[]): string | undefined {
    return this.#pattern.exec(valueOf(headers, 'cookie') ?? '')?.[1]
  }

  /** Has a client say that. @param isSecure the client came by HTTPS */
  line(value: string, isSecure: boolean): string {
    return `${this.#name}=${value}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  }
}

/** Whether an answer is one for many clients: a cookie in it would be theirs, too (RFC 9111 §5.2.2). */
export const isShared = (headers: readonly string[]): boolean =>
  /(?:^|[\s,])(?:public|s-maxage|immutable)/i.test(valueOf(headers, 'cache-control') ?? '')
