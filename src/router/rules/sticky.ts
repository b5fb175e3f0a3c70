import { createHash } from 'node:crypto'
import { valueOf } from '../headers.js'

/** Of 128 bits: enough that no two processes of an app have the same. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)

/** What a process is called in cookies: it follows from the container's id, so that every router knows it, and gives away nothing of it. */
export const markOf = (id: string): string => digest(`process ${id}`)

/**
 * Has clients come back to the process that has answered them before, by a cookie. Whoever makes one up gets to one of the app's
 * processes, where they would have got anyway.
 */
export class Sticky {
  readonly #name: string
  readonly #cookie: RegExp

  /** @param app its id: apps that share a hostname by paths share its cookies */
  constructor(app: string) {
    this.#name = `berth-${digest(`app ${app}`).slice(0, 8)}`
    this.#cookie = new RegExp(`(?:^|;)[ \\t]*${this.#name}=([\\w-]{22})[ \\t]*(?:;|$)`)
  }

  /** Which process a client had, as it says. @param headers of the request, `[name, value, …]` */
  markIn(headers: readonly string[]): string | undefined {
    return this.#cookie.exec(valueOf(headers, 'cookie') ?? '')?.[1]
  }

  /** The cookie that has its client come back. @param isSecure the client came by HTTPS */
  cookieFor(mark: string, isSecure: boolean): string {
    return `${this.#name}=${mark}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  }
}

/** Whether an answer is one for many clients: a cookie in it would be theirs, too (RFC 9111 §5.2.2). */
export const isShared = (headers: readonly string[]): boolean =>
  /(?:^|[\s,])(?:public|s-maxage|immutable)/i.test(valueOf(headers, 'cache-control') ?? '')
