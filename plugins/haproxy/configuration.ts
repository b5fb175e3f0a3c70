import { createHash } from 'node:crypto'
import { requestIdMark, type PlanePage, type PlanePlace } from 'berth/plugin'

/** Files in its directory. */
export const files = {
  configuration: 'haproxy.cfg',
  state: 'state.cfg',
  plain: 'plain.map',
  secure: 'secure.map',
  certificates: 'certificates',
  list: 'certificates.list',
  fallback: 'fallback.pem',
  trusted: 'trusted.networks',
} as const

/** The socket of HAProxy's master. */
export const masterSocket = ({ run }: Pick<PlanePlace, 'run'>): string => `${run}/haproxy.sock`

/** What a map says of a hostname that is the router's. */
export const routersOwn = 'node'

/** The backend of a slot. */
export const slotName = (slot: number): string => `s${slot}`

const quoted = (text: string): string => `"${text.replace(/["\\$]/g, '\\$&')}"`

/** Mozilla's "intermediate", as the router itself has it. */
const ciphers = [
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

const globalPart = `
global
  hard-stop-after 5m
  tune.h2.max-concurrent-streams 100
  tune.h2.initial-window-size 262144
  tune.http.maxhdr 256
  h2-workaround-bogus-websocket-clients
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-ciphers ${ciphers}
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
`

/** No proxy says what it has not been told: which headers are the router's alone to say, in every spelling that CGI takes for them. */
const forged =
  'proxy|forwarded|x[^a-z0-9](real[^a-z0-9]ip|request[^a-z0-9]id|berth[^a-z0-9]identity|forwarded([^a-z0-9].*)?)'
const hopByHop = 'keep-alive|proxy-connection|proxy-authenticate|proxy-authorization|te|trailer|http2-settings'

const pageLine = ({ status, headers }: PlanePage, file: string): string => {
  const { 'content-type': type = 'text/html', ...others } = headers
  const lines = Object.entries(others)
    .filter(([name]) => name !== 'content-length')
    .map(
      ([name, value]) =>
        ` hdr ${name} ${quoted(value.replaceAll('%', '%%').replaceAll(requestIdMark, '%[var(txn.id)]'))}`,
    )
  return `  http-error status ${status} content-type ${quoted(type)} lf-file ${file}${lines.join('')}`
}

const timeouts = `
  mode http
  timeout connect 5s
  timeout http-request 15s
  timeout http-keep-alive 75s
  timeout client 5m
  timeout server 5m
  timeout tunnel 24d
  timeout queue 5s
  retries 3
  option redispatch 1
  option http-no-delay
  option idle-close-on-response`

/**
 * Apps: what their processes are told is what the router would tell them. One that fails is asked of one more at most, for the request
 * may be what ends them.
 */
const slotsPart = (pages: string): string => `
defaults slots${timeouts}
  retry-on conn-failure empty-response
  retries 1
  http-reuse safe
${pages}
  http-request disable-l7-retry unless METH_GET or { method OPTIONS }
  http-request del-header ^(${forged}|${hopByHop})$ -m reg
  http-request set-header x-forwarded-for %[var(sess.from)]
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request set-header x-forwarded-port %[dst_port]
  http-request set-header x-forwarded-proto https if { ssl_fc }
  http-request set-header x-forwarded-proto http unless { ssl_fc }
  http-request set-header x-request-id %[var(txn.id)]
  http-response del-header ^(${hopByHop})$ -m reg
  http-response set-header x-request-id %[var(txn.id)] unless { res.hdr(x-request-id) -m found }
`

const limits = (file: (name: string) => string, connections: number): string => `
  acl trusted src -f ${file(files.trusted)}
  tcp-request connection track-sc0 src table clients
  tcp-request connection reject if { sc0_conn_cur gt ${connections} } !trusted
  tcp-request session set-var(sess.from) src,regsub(^::ffff:,)
  tcp-request session set-var(sess.trusted) bool(1) if trusted`

/** What of a request is the router's to judge: all that its rules, or two readers, could see differently. */
const ofTheRouter = [
  ['{ var(sess.trusted) -m found }', 'what a proxy in front says of its client'],
  ['{ method TRACE CONNECT }', ''],
  ['{ path_beg /.well-known/acme-challenge/ }', 'a CA that asks may be answered by Berth itself'],
  ['!{ req.ver 2.0 3.0 } !{ url_beg / }', 'a target that names a host, too'],
  ['!{ req.fhdr_cnt(host) 1 }', ''],
  ['{ req.hdr(upgrade) -m found } !{ req.hdr(upgrade) -m str -i websocket }', ''],
  ['{ req.fhdr(connection) -m found } !{ req.fhdr(connection) -m str -i keep-alive close upgrade }', ''],
  ['{ req.hdr(expect) -m found } !{ req.hdr(expect) -m str -i 100-continue }', ''],
  ['!{ var(txn.slot),nbsrv gt 0 }', 'nobody to send it to'],
] as const

/** Lines for an HAProxy that was started with a socket for HTTP/3. */
const whereHttp3 = (lines: string): string => `
.if defined(HTTP3_FD)
${lines}
.endif
`

/** Tells clients that came by TCP of HTTP/3, except those who came by another proxy, which would be told of its own port. */
const offer = whereHttp3(
  String.raw`  http-after-response set-header alt-svc "h3=\":%[dst_port]\"; ma=3600" unless { res.hdr(alt-svc) -m found } || { var(sess.trusted) -m found }`,
)

type Listener = PlanePlace['listeners'][number]

/** What a client sees of a listener, and who is believed at it. */
function entrance({ scheme, fd }: Listener, { proxyProtocol }: PlanePlace, list: string): string {
  const introduced = proxyProtocol ? '\n  tcp-request connection expect-proxy layer4 if trusted' : ''
  if (scheme === 'http') return `  bind fd@${fd}${introduced}`
  return `  bind fd@${fd} ssl crt-list ${list} alpn h2,http/1.1${introduced}${offer}`
}

/** The same for HTTP/3: a proxy that is to introduce its clients cannot do so here. */
function datagramEntrance({ proxyProtocol }: PlanePlace, list: string): string {
  const refused = proxyProtocol ? '\n  tcp-request connection reject if trusted' : ''
  return `  bind "quic+fd@\${HTTP3_FD}" ssl crt-list ${list} alpn h3${refused}`
}

/** Before requests are led: a connection that was made for another host is the router's to judge (421). */
const madeForAnother = '{ ssl_fc_sni -m found } !{ ssl_fc_sni,lower,strcmp(txn.host) eq 0 }'

function frontend(name: string, entered: string, place: PlanePlace, file: (name: string) => string) {
  const isPlain = name === 'http'
  const map = file(isPlain ? files.plain : files.secure)
  const own = ofTheRouter.map(([condition]) => `  use_backend ${routersOwn} if ${condition}`)
  if (!isPlain) own.push(`  use_backend ${routersOwn} if ${madeForAnother}`)
  const named = 'req.hdr(host),host_only,lower'
  const host = isPlain ? named : 'var(txn.host)'
  return `
frontend ${name}${limits(file, place.clientConnections)}
${entered}${isPlain ? '' : `\n  http-request set-var(txn.host) ${named}`}
  http-request set-var(txn.slot) ${host},map_str(${map},other)
  http-request set-var(txn.slot) '${host},regsub(^[^.]*,*),map_str(${map},${routersOwn})' if { var(txn.slot) -m str other }
  http-request set-var(txn.id) req.hdr(x-request-id) if { req.hdr(x-request-id) -m reg ^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$ }
  http-request set-var(txn.id) uuid() unless { var(txn.id) -m found }
  use_backend ${routersOwn} if { var(txn.slot) -m str ${routersOwn} }
${own.join('\n')}
  use_backend %[var(txn.slot)]
`
}

/** Every worker knows the connections of the one before: those that it does not have are told to begin anew. */
const http3Part = ({ fallback }: PlanePlace): string =>
  `global\n  cluster-secret ${createHash('sha256')
    .update(`http3 ${fallback ?? ''}`)
    .digest('hex')}`

/** All of an instance's configuration but for what changes with its apps. @param pageFile path of the page for a status */
export function configurationOf(place: PlanePlace, pageFile: (status: number) => string): string {
  const file = (name: string): string => `${place.directory}/${name}`
  const pages = place.pages.map((page) => pageLine(page, pageFile(page.status))).join('\n')
  return `# Written by Berth at every start of its router.
${globalPart.trim()}

defaults${timeouts}
${pages}

backend clients
  stick-table type ipv6 size 100k expire 1m store conn_cur

backend ${routersOwn}
  http-reuse safe
  server router unix@${place.frontSocket} send-proxy-v2-ssl proxy-v2-options authority
${frontends(place, file)}${slotsPart(pages)}`
}

function frontends(place: PlanePlace, file: (name: string) => string): string {
  const list = file(files.list)
  const byTcp = place.listeners.map((listener) =>
    frontend(listener.scheme, entrance(listener, place, list), place, file),
  )
  const http3 = frontend('http3', datagramEntrance(place, list), place, file)
  return byTcp.join('') + (place.fallback === null ? '' : whereHttp3(`${http3Part(place)}${http3}`))
}
