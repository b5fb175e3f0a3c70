import { digest, OwnCookie } from './own-cookie.js'

/** What a process is called in cookies: it follows from the container's id, so that every router knows it, and gives away nothing of it. */
export const markOf = (id: string): string => digest(`process ${id}`)

/** Has clients come back to the process that has answered them before, by a cookie. */
export class Sticky {
  readonly #cookie: OwnCookie

  /** @param app its id */
  constructor(app: string) {
    this.#cookie = new OwnCookie(`app ${app}`, '[\\w-]{22}')
  }

  /** Which process a client had, as it says. @param headers of the request, `[name, value, …]` */
  markIn(headers: readonly string[]): string | undefined {
    return this.#cookie.in(headers)
  }

  /** The cookie that has its client come back. @param isSecure the client came by HTTPS */
  cookieFor(mark: string, isSecure: boolean): string {
    return this.#cookie.line(mark, isSecure)
  }
}
