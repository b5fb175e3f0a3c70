import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import { BerthError } from '../errors.js'
import { authenticate, bearerOf } from '../access/authenticate.js'
import { demand } from '../access/caller.js'
import { contract } from './contract.js'
import { toFault } from './faults.js'
import { barred, isBarred } from './plain-http.js'
import type { ControlApiDeps } from './platform.js'
import { answerToFault, sendRaw } from './refusals.js'

/** Bytes of one frame of standard input. */
const frameLimit = 1024 * 1024

const runPath = /^\/api\/apps\/([^/?]+)\/run(?:\?|$)/

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
  platform: ControlApiDeps,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> {
  let server: WebSocketServer | undefined
  return async (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    try {
      if (await isBarred(platform, request)) throw barred(platform.config)
      const caller = await authenticate(platform.store.tokens, bearerOf(request.headers.authorization))
      const name = appOf(request.url ?? '')
      demand(caller, contract.processes.run.needs, await platform.store.apps.get(name))
      const [{ WebSocketServer }, { serveRun }] = await Promise.all([import('ws'), import('./run-socket.js')])
      server ??= new WebSocketServer({ noServer: true, maxPayload: frameLimit, perMessageDeflate: false })
      server.handleUpgrade(request, socket, head, (webSocket) => void serveRun(platform, { name, caller }, webSocket))
    } catch (error) {
      sendRaw(socket, answerToFault(toFault(error, platform.store.redis)))
    }
  }
}
