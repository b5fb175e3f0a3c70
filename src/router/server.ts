import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../log.js'
import { Backend, type Endpoint } from './backend.js'
import { Exchange, type Origin } from './exchange.js'
import { Forwarder } from './forward.js'
import { clientOf, prepareRequest, requestIdOf } from './headers.js'
import { addressOf, type Address } from './host.js'
import { sendPage, sendRawPage, type Trouble } from './pages.js'
import { Entry, type Table } from './table.js'
import { Tunnels } from './tunnel.js'

/** What a router serves. */
export interface Served {
  readonly table: Table
  readonly log: Logger
  /** The control API, which no app's route can take over. */
  readonly api: { readonly host: string; readonly endpoint: Endpoint }
  /** The port the world sees, for `X-Forwarded-Port`. */
  readonly port: number
  /** ms an app has until the first byte of its answer, counted from the last byte of the request; default 30 s. */
  readonly firstByte?: number
}

/** The router's HTTP front: addresses, limits, and who gets which request. */
export interface Front {
  readonly server: Server
  /** Stops accepting, lets requests end for up to `ms`, then cuts them. WebSockets are cut at once. */
  readonly close: (ms: number) => Promise<void>
}

const parserTroubles: Record<string, Trouble> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'client-too-slow',
}

/** Makes the server; the caller lets it listen. */
export function createFront(served: Served): Front {
  const { table, log, api, port, firstByte = 30_000 } = served
  const apiEntry = new Entry(undefined, [new Backend('api', api.endpoint)])
  const toApi: Origin = { find: () => apiEntry, firstByte: 0, away: 'api-away' } // a push may build in silence for long
  const forwarder = new Forwarder()
  const tunnels = new Tunnels()

  const originOf = ({ host }: Address): Origin | undefined =>
    host === api.host
      ? toApi
      : table.find(host)
        ? { find: () => table.find(host), firstByte, away: 'not-running' }
        : undefined

  const receive = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
    const id = requestIdOf(request.headers) ?? randomUUID()
    const address = addressOf(request)
    const origin = address ? originOf(address) : undefined
    if (log.isLevelEnabled('debug')) record(log, request, response, id, address)
    const encoding = request.headers['transfer-encoding']
    const trouble: Trouble | undefined = !address
      ? 'bad-request'
      : request.method === 'TRACE'
        ? 'no-such-method'
        : encoding !== undefined && encoding.toLowerCase() !== 'chunked'
          ? 'no-such-encoding'
          : !origin
            ? 'unknown-host'
            : undefined
    if (trouble || !address || !origin) {
      sendPage(request, response, trouble ?? 'bad-request', { id, ...(address ? { host: address.host } : {}) })
      return
    }
    prepareRequest(request.headers, { client: clientOf(request), authority: address.authority, port, id })
    forwarder.forward(new Exchange(request, response, address, origin, id, expectsContinue))
  }

  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 15_000,
      requestTimeout: 0, // an upload may take hours; one that stalls is let go by the first-byte timer
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 75_000,
      keepAlive: true,
      insecureHTTPParser: false,
      requireHostHeader: false, // we answer that with a page
    },
    (request, response) => receive(request, response, false),
  )
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => receive(request, response, true))
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => undefined)
    sendRawPage(socket, 'no-such-method')
  })

  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => undefined)
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET') {
      declineUpgrade(server, request, socket, head)
      return
    }
    const id = requestIdOf(request.headers) ?? randomUUID()
    const address = addressOf(request)
    const origin = address ? originOf(address) : undefined
    if (!address || !origin) {
      const subject = address ? { id, host: address.host } : { id }
      sendRawPage(socket, address ? 'unknown-host' : 'bad-request', subject, request.headers.accept)
      return
    }
    prepareRequest(request.headers, { client: clientOf(request), authority: address.authority, port, id })
    void tunnels.upgrade({ request, socket, head, address, origin, id })
  })

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const current = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage
    if (error.code === 'ECONNRESET' || current?.headersSent === true) socket.destroy()
    else sendRawPage(socket, parserTroubles[error.code ?? ''] ?? 'bad-request')
  })

  return {
    server,
    close: async (ms) => {
      const closed = new Promise((resolve) => server.close(resolve))
      tunnels.close()
      // Opened ahead by a browser and never used, which Node does not count as idle.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
      server.closeIdleConnections()
      // Connections become idle one by one as their answers end; each is closed then instead of kept alive.
      server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'))
      const sweep = setInterval(() => server.closeIdleConnections(), 100)
      const late = setTimeout(() => server.closeAllConnections(), ms)
      await closed
      clearInterval(sweep)
      clearTimeout(late)
    },
  }
}

/** An upgrade we do not serve (h2c, say) is to be ignored (RFC 9110 §7.8): the request is parsed again without it. */
function declineUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const raw = request.rawHeaders
  let text = `${request.method ?? ''} ${request.url ?? ''} HTTP/${request.httpVersion}\r\n`
  for (let i = 0; i < raw.length; i += 2)
    if (!/^(?:upgrade|http2-settings)$/i.test(raw[i] ?? '')) text += `${raw[i] ?? ''}: ${raw[i + 1] ?? ''}\r\n`
  if (head.length > 0) socket.unshift(head)
  socket.unshift(Buffer.from(`${text}\r\n`, 'latin1'))
  socket.removeAllListeners('error')
  server.emit('connection', socket)
}

function record(log: Logger, request: IncomingMessage, response: ServerResponse, id: string, to: Address | null): void {
  const began = performance.now()
  const { socket } = request
  const written = socket.bytesWritten
  response.once('close', () => {
    const { method, url } = request
    const ms = Math.round((performance.now() - began) * 10) / 10
    const whole = response.writableFinished
    const bytes = socket.bytesWritten - written
    log.debug({ id, method, host: to?.host, path: to?.path ?? url, status: response.statusCode, ms, bytes, whole })
  })
}
