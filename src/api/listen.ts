import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { dirname } from 'node:path'

/** Listens on a unix socket that its owner and group may connect to; what a killed process left there goes. */
export async function listenOn(server: Server, socket: string): Promise<void> {
  await mkdir(dirname(socket), { recursive: true })
  await rm(socket, { force: true })
  server.listen(socket)
  await once(server, 'listening')
  await chmod(socket, 0o660)
}

/** Stops accepting, waits until what runs has been answered, and cuts what is left after the grace. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const late = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(late)
}
