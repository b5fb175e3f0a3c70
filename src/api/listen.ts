import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server, ServerResponse } from 'node:http'
import { dirname } from 'node:path'

/** Listens on a unix socket that its owner and group may connect to; what a killed process left there goes. */
export async function listenOn(server: Server, socket: string): Promise<void> {
  await mkdir(dirname(socket), { recursive: true })
  await rm(socket, { force: true })
  server.listen(socket)
  await once(server, 'listening')
  await chmod(socket, 0o660)
}

/** Listens on a socket that the supervisor opened. */
export async function listenAt(server: Server, socket: { readonly fd: number }): Promise<void> {
  server.listen(socket)
  await once(server, 'listening')
}

/**
 * Stops accepting, waits until what runs has been answered, and cuts what is left after the grace. A connection is closed
 * when it becomes idle: the router, whose it is, opens another.
 */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close')
  if (server.listening) server.close()
  server.prependListener('request', (_request, response: ServerResponse) => response.setHeader('connection', 'close'))
  const sweep = setInterval(() => server.closeIdleConnections(), 100)
  const late = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(late)
  clearInterval(sweep)
}
