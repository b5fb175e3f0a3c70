import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Clients } from './clients.js'
import type { IntroducedFront } from './introductions.js'
import type { PlainListener } from './plain.js'
import type { SecureListener } from './secure.js'
import type { Tunnels } from './tunnel.js'

/** A way in: what serves HTTP/1, and what finds out before it what is spoken. */
export interface Entrance {
  readonly http1: Server
  readonly plain?: PlainListener
  readonly secure?: SecureListener
  /** What listens in the place of these, where proxies introduce connections. */
  readonly front?: IntroducedFront
}

/** What listens. */
export const listenerOf = ({ http1, plain, secure, front }: Entrance): NetServer =>
  front?.server ?? plain?.server ?? secure?.server ?? http1

/** How a router comes to its end. */
export interface Ends {
  /** Stops accepting, lets requests end for up to `ms`, then cuts them. WebSockets are cut at once. */
  readonly close: (ms: number) => Promise<void>
  /**
   * Leaves the ports to another router: stops accepting, answers what comes over the connections it has and asks each client
   * to come anew, and keeps WebSockets. Idle connections are closed by their time limit alone, never as a request may be on
   * its way. After `ms` all are cut.
   */
  readonly leave: (ms: number) => Promise<void>
}

/** ms before the end in which sessions that have not been at rest are told. */
const farewellTime = 10_000

/** Has each connection end with its next answer. */
function partAfterAnswers(servers: readonly Server[]): void {
  for (const server of servers)
    for (const event of ['request', 'checkContinue'])
      server.prependListener(event, (_request: IncomingMessage, response: ServerResponse) =>
        response.setHeader('connection', 'close'),
      )
}

/** How servers come to their end: see `Ends`. */
export function closing(entrances: readonly Entrance[], clients: Clients, tunnels: Tunnels): Ends {
  const servers = entrances.map(({ http1 }) => http1)
  const listeners = entrances.map(listenerOf)
  const both = entrances.flatMap(({ plain, secure }) => plain ?? secure ?? [])
  const closed = Promise.all(listeners.map((listener) => once(listener, 'close')))
  const cutAll = () => {
    for (const { front } of entrances) front?.introductions.cut()
    for (const server of servers) server.closeAllConnections()
    for (const one of both) one.cut()
  }
  const closeIdle = () => {
    for (const server of servers) server.closeIdleConnections()
  }
  return {
    leave: async (ms) => {
      for (const listener of listeners) NetServer.prototype.close.call(listener) // http.Server's own closes idle connections too (since Node 19)
      partAfterAnswers(servers)
      for (const one of both) one.leave()
      const farewell = setTimeout(() => {
        for (const one of both) one.close()
      }, ms - farewellTime)
      const late = setTimeout(() => {
        tunnels.close()
        cutAll()
      }, ms)
      await closed
      clearTimeout(farewell)
      clearTimeout(late)
    },
    close: async (ms) => {
      for (const listener of listeners) if (listener.listening) listener.close()
      tunnels.close()
      // Opened ahead by a browser and never used, which Node does not count as idle.
      for (const socket of clients.unused()) if (socket.bytesRead === 0) socket.destroy()
      for (const { front } of entrances) front?.introductions.cut()
      for (const one of both) one.close()
      closeIdle()
      // Connections become idle one by one as their answers end; each is closed then instead of kept alive.
      partAfterAnswers(servers)
      const sweep = setInterval(closeIdle, 100)
      const late = setTimeout(cutAll, ms)
      await closed
      clearInterval(sweep)
      clearTimeout(late)
    },
  }
}
