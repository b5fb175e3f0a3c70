import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { isIP, type Socket } from 'node:net'

/** Makes TCP connections from one network: to a name or an address. */
export interface Outlet {
  /** @throws NodeJS.ErrnoException, or the signal's reason */
  connect(host: string, port: number, signal: AbortSignal): Promise<Socket>
}

/** Connects to the first of a host's addresses that answers, IPv4 first. @param to connects to an address */
export async function dial(
  host: string,
  to: (address: string) => Promise<Socket>,
  signal: AbortSignal,
): Promise<Socket> {
  const found = isIP(host) ? [{ address: host, family: isIP(host) }] : await lookup(host, { all: true })
  let failure: Error | undefined
  for (const { address } of found.toSorted((a, b) => a.family - b.family))
    try {
      return await to(address)
    } catch (error) {
      signal.throwIfAborted()
      failure = error instanceof Error ? error : new Error(String(error))
    }
  throw failure ?? new Error(`no address is known of ${host}`)
}

/** Connects a socket. @throws NodeJS.ErrnoException, or the signal's reason; the socket is destroyed then */
export async function connected(socket: Socket, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const done = once(socket, 'connect', { signal })
  socket.connect(port, host)
  try {
    await done
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}
