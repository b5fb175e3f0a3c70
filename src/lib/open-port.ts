import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Server } from 'node:net'

/** Connections the kernel holds until they are accepted. */
const backlog = 4096

/**
 * Has a server listen on a port on every address. Another process of the same user may do so beside it, if it does the same
 * (SO_REUSEPORT, socket(7)); a port that any other program listens on is taken.
 * @throws the system's error: `EADDRINUSE`, `EACCES`
 */
export async function listenOn(server: Server, port: number): Promise<void> {
  server.listen({ port, backlog, reusePort: true })
  await once(server, 'listening')
}

const isWithoutIPv6 = (error: unknown): boolean =>
  ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')

/** Opens a UDP port on every address, as `listenOn` does. @throws the system's error */
export async function openDatagrams(port: number): Promise<DatagramSocket> {
  try {
    return await bound('udp6', port)
  } catch (error) {
    if (!isWithoutIPv6(error)) throw error
    return bound('udp4', port)
  }
}

async function bound(type: 'udp6' | 'udp4', port: number): Promise<DatagramSocket> {
  const socket = createSocket({ type, reusePort: true })
  try {
    socket.bind(port)
    await once(socket, 'listening')
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}
