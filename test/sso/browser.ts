import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a browser does of signing in: it keeps cookies by hostname, and follows redirects. `*.test` is at the router. */
export class Browser {
  /** Hostname -> name -> value. */
  readonly jar = new Map<string, Map<string, string>>()
  readonly #router: number

  /** @param router its port */
  constructor(router: number) {
    this.#router = router
  }

  cookies(host: string): Map<string, string> {
    const all = this.jar.get(host) ?? new Map<string, string>()
    this.jar.set(host, all)
    return all
  }

  /** Asks once, as a browser that opens a page unless headers say otherwise. */
  async ask(to: string, headers: OutgoingHttpHeaders = {}, method = 'GET'): Promise<Page> {
    const url = new URL(to)
    const jar = this.cookies(url.hostname)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const outgoing = request({
      ...{ host: '127.0.0.1', port: url.hostname.endsWith('.test') ? this.#router : url.port, agent: false, method },
      path: url.pathname + url.search,
      headers: {
        ...{ host: url.host, accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate' },
        ...(cookie === '' ? {} : { cookie }),
        ...headers,
      },
    })
    const [answer] = (await once(outgoing.end(), 'response')) as [IncomingMessage]
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0(?:;|$)/i.test(line) || value === '') jar.delete(name)
      else jar.set(name, value)
    }
    return { url, status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }
  }

  /** Opens a page, wherever that leads. @param stop ends before it goes to such a URL */
  async open(to: string, stop?: RegExp): Promise<Page> {
    let page = await this.ask(to)
    for (let moves = 0; moves < 20; moves += 1) {
      const { location } = page.headers
      if (page.status < 300 || page.status > 399 || location === undefined) return page
      const next = new URL(location, page.url).href
      if (stop?.test(next)) return page
      page = await this.ask(next)
    }
    throw new Error(`it never comes to an end: ${page.url.href}`)
  }
}
