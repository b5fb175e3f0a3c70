import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { maxHeaderLines } from '../framing.js'
import type { AdmittedRequest, Refusal } from '../http-server.js'
import { pageNames, type PageName } from '../routing-rules.js'
import type { Away } from '../store/routes.js'
import { ssoPages, type SsoPageKind } from './sso-pages.js'

/** Everything the router itself may answer. The name is also the `X-Berth-Error` header and the JSON `error`. */
export type ErrorKind =
  | Refusal
  | 'unknown-host'
  | 'misdirected'
  | 'not-running'
  | Away
  | 'api-away'
  | 'hung-up'
  | 'too-slow'
  | 'not-http2'
  | 'no-web-socket'
  | 'overloaded'
  | 'too-many-connections'
  | 'no-access'
  | 'login'
  | 'maintenance'
  | 'too-many-requests'
  | 'body-too-large'
  | SsoPageKind

/** What a page may mention. Both are hostile input. */
export interface PageSubject {
  readonly host?: string
  readonly app?: string
  readonly id?: string
  /** The pages that the app has of its own. */
  readonly own?: { readonly page: (name: PageName) => string | undefined } | undefined
  /** What the answer says beside its page. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

interface Page {
  readonly status: number
  readonly title: string
  readonly text: string
  /** For the app's owner. */
  readonly hint?: string
}

const name = (s: PageSubject): string => s.app ?? s.host ?? 'this app'
const owner = (s: PageSubject, command: string): string => `If it is yours: berth ${command} -a ${s.app ?? '<app>'}`

const pages: Record<ErrorKind, (subject: PageSubject) => Page> = {
  'bad-request': () => ({
    status: 400,
    title: 'This request makes no sense',
    text: 'It is not proper HTTP, or does not say in exactly one Host header which site it is for.',
  }),
  'unknown-host': (s) => ({
    status: 404,
    title: `There is no app at ${s.host ?? 'this address'}`,
    text: 'The address leads to this server, but nothing here answers to that name.',
    hint: 'If you expected one, check the spelling: berth apps',
  }),
  misdirected: (s) => ({
    status: 421,
    title: 'This connection is for another site',
    text: `It was made to a site whose certificate does not vouch for ${s.host ?? 'this one'}: a connection of its own is needed.`,
  }),
  'not-running': (s) => ({
    status: 503,
    title: `${name(s)} is not running right now`,
    text: 'None of its processes can take a request at the moment. Try again in a few seconds.',
    hint: owner(s, 'ps'),
  }),
  'not-pushed': (s) => ({
    status: 503,
    title: `Nothing has been pushed to ${name(s)} yet`,
    text: 'There is nothing to run.',
    hint: 'If it is yours: git push berth main',
  }),
  'no-web': (s) => ({
    status: 503,
    title: `${name(s)} has no web process`,
    text: 'It runs without serving any page: its Procfile names no process type web.',
    hint: owner(s, 'ps'),
  }),
  'scaled-to-zero': (s) => ({
    status: 503,
    title: `${name(s)} is scaled to 0`,
    text: 'Its web processes were turned off by its owner.',
    hint: owner(s, 'ps:scale web=1'),
  }),
  'needs-push': (s) => ({
    status: 503,
    title: `${name(s)} needs a new push`,
    text: 'The image it was made into is no longer on this server.',
    hint: 'If it is yours: git push berth main',
  }),
  'not-ready': (s) => ({
    status: 503,
    title: `${name(s)} is not ready right now`,
    text: 'It runs, and says of itself that it cannot take requests at the moment. Try again in a few seconds.',
    hint: owner(s, 'checks:run'),
  }),
  'api-away': () => ({
    status: 503,
    title: 'Berth itself is not answering right now',
    text: 'Its control API is stopped or starting. Apps that run are served all the same.',
    hint: 'On the server: bin/up',
  }),
  'hung-up': (s) => ({
    status: 502,
    title: `${name(s)} hung up`,
    text: 'The app took the request and closed the connection without a proper answer.',
    hint: owner(s, 'logs'),
  }),
  'not-http2': (s) => ({
    status: 502,
    title: `${name(s)} does not speak HTTP/2`,
    text: 'It is asked by HTTP/2 without TLS (h2c), as it is set, and does not answer so.',
    hint: owner(s, 'routing:unset protocol'),
  }),
  'no-web-socket': (s) => ({
    status: 501,
    title: `${name(s)} takes no WebSockets`,
    text: 'It is asked by HTTP/2 (h2c), by which none are passed on.',
    hint: owner(s, 'routing:unset protocol'),
  }),
  'too-slow': (s) => ({
    status: 504,
    title: `${name(s)} took too long to answer`,
    text: 'The app accepted the request but did not begin its answer in time.',
    hint: owner(s, 'logs'),
  }),
  'client-too-slow': () => ({
    status: 408,
    title: 'The request took too long to arrive',
    text: 'It began, but its end did not follow in time.',
  }),
  'headers-too-large': () => ({
    status: 431,
    title: 'The request is too large before it begins',
    text: `Its address and headers may take 16 kB together, in at most ${maxHeaderLines} lines.`,
  }),
  'no-such-method': () => ({
    status: 405,
    title: 'This method is not served here',
    text: 'CONNECT and TRACE are not.',
  }),
  'no-such-encoding': () => ({
    status: 501,
    title: 'This transfer encoding is not served here',
    text: 'A body may be chunked or have a Content-Length; nothing else.',
  }),
  'no-such-version': () => ({
    status: 505,
    title: 'This version of HTTP is not served here',
    text: 'HTTP/1.0 and HTTP/1.1 are.',
  }),
  'no-such-expectation': () => ({
    status: 417,
    title: 'This expectation is not met here',
    text: 'Expect may say 100-continue, and nothing else.',
  }),
  'no-access': () => ({
    status: 403,
    title: 'Your address does not get in here',
    text: 'This site is open to some networks only.',
    hint: 'If it is yours: berth access',
  }),
  login: () => ({
    status: 401,
    title: 'This site asks for a password',
    text: 'There was none, or it was not right.',
    hint: 'If it is yours: berth access',
  }),
  ...ssoPages,
  maintenance: (s) => ({
    status: 503,
    title: `${name(s)} is in maintenance`,
    text: 'Come again a little later.',
    hint: owner(s, 'maintenance:off'),
  }),
  'too-many-requests': () => ({
    status: 429,
    title: 'Too many requests',
    text: 'This site takes no more of them for the moment. Try again in a while.',
    hint: 'If it is yours: berth routing',
  }),
  'body-too-large': () => ({
    status: 413,
    title: 'The request is too large',
    text: 'This site takes no body of such a size.',
    hint: 'If it is yours: berth routing',
  }),
  overloaded: () => ({
    status: 503,
    title: 'Berth has no connection left for this request',
    text: 'The server holds as many as its kernel lets it. The app is not at fault. Try again in a few seconds.',
    hint: 'On the server: raise the limit of open files (ulimit -n, LimitNOFILE)',
  }),
  'too-many-connections': () => ({
    status: 429,
    title: 'Too many connections from one address',
    text: 'All that it may have are at work. Try again when one has ended.',
    hint: 'On the server: BERTH_CLIENT_CONNECTIONS, and BERTH_TRUSTED_PROXIES for a proxy in front',
  }),
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c] ?? c)

const html = (page: Page, id: string | undefined): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(page.title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:18vh auto 0;padding:0 1.5em;color:#223}
h1{font-size:1.5em;line-height:1.25}small,code{color:#667}@media(prefers-color-scheme:dark){body{background:#15181d;color:#dde}}</style>
</head><body><h1>${escape(page.title)}</h1><p>${escape(page.text)}</p>
${page.hint === undefined ? '' : `<p><code>${escape(page.hint)}</code></p>\n`}<small>${page.status}${id === undefined ? '' : ` · request ${escape(id)}`}</small>
</body></html>
`

/** A ready answer: status, headers, body. */
export interface ReadyAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Faults that are the platform's, of which no app has a page. */
const platforms: ReadonlySet<ErrorKind> = new Set(['overloaded', 'api-away', 'too-many-connections'])

/** The app's own page about a kind, for browsers. */
function ownPage(kind: ErrorKind, status: number, { own }: PageSubject): string | undefined {
  if (!own || platforms.has(kind)) return undefined
  const named = pageNames.find((one) => one === String(status))
  return (kind === 'maintenance' ? own.page('maintenance') : undefined) ?? (named && own.page(named))
}

/** The page about a kind, as HTML, JSON or plain text by the request's Accept. */
export function answerTo(kind: ErrorKind, subject: PageSubject, accept = ''): ReadyAnswer {
  const page = pages[kind](subject)
  const isBrowser = /\btext\/html\b/i.test(accept)
  const own = isBrowser ? ownPage(kind, page.status, subject) : undefined
  const [type, body]: [string, string] = isBrowser
    ? ['text/html', own ?? html(page, subject.id)]
    : /[/+]json\b/i.test(accept)
      ? [
          'application/json',
          `${JSON.stringify({ error: kind, message: page.title, detail: page.text, hint: page.hint, request: subject.id })}\n`,
        ]
      : ['text/plain', `${page.title}\n${page.text}\n${page.hint === undefined ? '' : `${page.hint}\n`}`]
  return {
    status: page.status,
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      // whoever has the app answers for what its own pages load
      ...(own === undefined ? { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" } : {}),
      'x-content-type-options': 'nosniff',
      'x-berth-error': kind,
      ...(subject.id === undefined ? {} : { 'x-request-id': subject.id }),
      ...(page.status === 503 ? { 'retry-after': '5' } : {}),
      ...subject.headers,
    },
    body,
  }
}

/** Answers with a page. */
export function sendPage(
  { request, response }: Pick<AdmittedRequest, 'request' | 'response'>,
  kind: ErrorKind,
  subject: PageSubject,
): void {
  if (response.headersSent || response.destroyed) return
  const answer = answerTo(kind, subject, request.headers.accept)
  response.writeHead(answer.status, STATUS_CODES[answer.status] ?? '', answer.headers).end(answer.body)
}

/** Answers on a bare socket (a refused upgrade, a request that could not be parsed) and closes it. */
export function sendRawPage(socket: Duplex, kind: ErrorKind, subject: PageSubject = {}, accept?: string): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = answerTo(kind, subject, accept)
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([key, value]) => `${key}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  const late = setTimeout(() => socket.destroy(), 2000) // it need not close its side
  socket.once('close', () => clearTimeout(late)).resume()
}
