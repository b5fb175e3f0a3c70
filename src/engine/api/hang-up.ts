import type { Duplex } from 'node:stream'

/** How long a client may go on sending once all was said to it (ms). */
const patience = 5_000

/**
 * Ends a connection behind what was written to it. What the client still sends is read and dropped until it hangs
 * up: closed with input unread, a socket has its peer's next read fail with ECONNRESET (unix_release, and RFC 9293
 * section 3.6.1), for which docker run reports 1 instead of the program's exit code.
 */
export function hangUp(client: Duplex): void {
  if (client.destroyed) return
  const late = setTimeout(() => client.destroy(), patience)
  client.once('close', () => clearTimeout(late))
  client.removeAllListeners('data').on('data', () => undefined)
  client.end()
  client.resume()
}
