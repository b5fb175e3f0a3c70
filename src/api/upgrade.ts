import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import { BerthError } from '../errors.js'
import { authenticate } from './auth.js'
import { bodyOfFault, statusOfFault, toFault } from './faults.js'
import type { Platform } from './platform.js'

/** Bytes of one frame of standard input. */
const frameLimit = 1024 * 1024

const runPath = /^\/api\/apps\/([^/?]+)\/run(?:\?|$)/

/** Answers a refused upgrade as any other refused request. */
function refuse(socket: Duplex, fault: BerthError): void {
  const body = JSON.stringify(bodyOfFault(fault))
  const head = [
    `HTTP/1.1 ${statusOfFault(fault)} ${fault.fault}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function appOf(url: string): string {
  try {
    const name = runPath.exec(url)?.[1]
    if (name !== undefined) return decodeURIComponent(name)
  } catch {
    // a malformed escape names nothing
  }
  throw new BerthError('missing', 'there is no WebSocket here', 'see docs/api.md')
}

/** The server's handler of `upgrade`: token first, then the one operation that is a WebSocket. */
export function createUpgrade(
  platform: Platform,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> {
  let server: WebSocketServer | undefined
  return async (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    try {
      await authenticate(platform.store.tokens, request.headers.authorization)
      const name = appOf(request.url ?? '')
      await platform.store.apps.get(name)
      const [{ WebSocketServer }, { serveRun }] = await Promise.all([import('ws'), import('./run-socket.js')])
      server ??= new WebSocketServer({ noServer: true, maxPayload: frameLimit, perMessageDeflate: false })
      server.handleUpgrade(request, socket, head, (webSocket) => void serveRun(platform, name, webSocket))
    } catch (error) {
      refuse(socket, toFault(error, platform.store.redis))
    }
  }
}
