import { closeSync, rmSync } from 'node:fs'
import type { Config } from '../config.js'
import { inheritedSocket } from '../hand-over.js'
import type { FrontListener } from './origins.js'

/** A way in, and where it is listened. */
export interface WayIn extends FrontListener {
  /** That the supervisor has opened; null for a router that runs by itself. */
  readonly socket: { readonly fd: number } | null
  readonly listen: { readonly port: number } | { readonly path: string }
}

type Ways = Pick<Config, 'httpPort' | 'httpsPort' | 'plane' | 'frontSocket' | 'proxyProtocol'>

/** Those of the world, in the order in which the supervisor hands over their sockets. */
function ports({ httpPort, httpsPort, proxyProtocol }: Omit<Ways, 'plane' | 'frontSocket'>): WayIn[] {
  const introduced = proxyProtocol ? ({ introduced: 'trusted' } as const) : {}
  const given = [
    { scheme: 'http', port: httpPort } as const,
    ...(httpsPort === undefined ? [] : [{ scheme: 'https', port: httpsPort } as const]),
  ]
  return given.map((one, index) => ({
    ...one,
    ...introduced,
    socket: inheritedSocket(index),
    listen: { port: one.port },
  }))
}

/**
 * How clients come in: by the ports, unless a data plane listens there, and by the unix socket that data planes come by, of which one
 * may still have something in its hands when the router listens again.
 */
export function waysIn(config: Ways): WayIn[] {
  const world = ports(config)
  const socket = inheritedSocket(world.length)
  const front: WayIn = {
    ...({ scheme: 'http', port: config.httpPort, introduced: 'all' } as const),
    ...{ socket, listen: { path: config.frontSocket } },
  }
  if (config.plane === undefined) return socket ? [...world, front] : world
  if (!socket) rmSync(config.frontSocket, { force: true })
  return [front]
}

export const portsOf = (config: Ways): string =>
  ports(config)
    .map(({ port }) => port)
    .join(' and ')

/** Closes sockets that are held for the data plane that listens on them. */
export function closeHeld(config: Ways): void {
  if (config.plane === undefined) return
  for (const { socket } of ports(config)) if (socket) closeSync(socket.fd)
}
