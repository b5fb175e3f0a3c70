import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import { BerthError } from '../errors.js'
import { authenticate, bearerOf } from '../access/authenticate.js'
import { demand, type Caller } from '../access/caller.js'
import { contract } from './contract.js'
import { toFault } from './faults.js'
import { barred, isBarred } from './plain-http.js'
import type { ControlApiDeps } from './platform.js'
import { answerToFault, sendRaw } from './refusals.js'
import type { OpenRun, RunTarget } from './run-socket.js'

/** Bytes of one frame of standard input. */
const frameLimit = 1024 * 1024

const runPath = /^\/api\/(apps|services)\/([^/?]+)\/(run|enter)(?:\?|$)/

/** What a WebSocket is of: an app's one-off, or a service's command. */
function targetOf(url: string): { readonly of: 'apps' | 'services'; readonly name: string } {
  try {
    const [, of, name, verb] = runPath.exec(url) ?? []
    if (of === 'apps' && verb === 'run') return { of, name: decodeURIComponent(name ?? '') }
    if (of === 'services' && verb === 'enter') return { of, name: decodeURIComponent(name ?? '') }
  } catch {
    // a malformed escape names nothing
  }
  throw new BerthError('missing', 'there is no WebSocket here', 'see docs/api.md')
}

/** What it starts, for a caller that may. @throws BerthError `missing`, `denied` */
async function openerOf(platform: ControlApiDeps, url: string, caller: Caller): Promise<Omit<RunTarget, 'caller'>> {
  const { of, name } = targetOf(url)
  if (of === 'services') {
    demand(caller, contract.services.enter.needs, null)
    const service = await platform.store.services.get(name)
    const { enterService } = await import('../services/enter.js')
    const open: OpenRun = async (spec, signal) => enterService(await platform.services(), service, spec, signal)
    return { open, wordless: true }
  }
  demand(caller, contract.processes.run.needs, await platform.store.apps.get(name))
  return { open: async (spec, signal) => platform.run(await platform.store.apps.get(name), spec, signal) }
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
      const target = await openerOf(platform, request.url ?? '', caller)
      const [{ WebSocketServer }, { serveRun }] = await Promise.all([import('ws'), import('./run-socket.js')])
      server ??= new WebSocketServer({ noServer: true, maxPayload: frameLimit, perMessageDeflate: false })
      server.handleUpgrade(
        request,
        socket,
        head,
        (webSocket) => void serveRun(platform, { ...target, caller }, webSocket),
      )
    } catch (error) {
      sendRaw(socket, answerToFault(toFault(error, platform.store.redis)))
    }
  }
}
