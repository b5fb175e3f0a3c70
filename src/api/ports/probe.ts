import { once } from 'node:events'
import { createServer } from 'node:net'
import { BerthError, messageOf } from '../../errors.js'
import { listenOn, openDatagrams } from '../../lib/open-port.js'
import { portName } from '../../store/ports.js'
import type { RoutedPort } from '../../store/routes.js'

/** Somebody else of this machine has a port. */
export const isOthers = (port: Pick<RoutedPort, 'port' | 'protocol'>): BerthError =>
  new BerthError(
    'conflict',
    `port ${portName(port)} is taken by another program of this machine; nothing was added`,
    `find it with \`ss -l${port.protocol === 'tcp' ? 't' : 'u'}np "sport = :${port.port}"\`, or choose another port`,
  )

/**
 * Opens a port, which no app has, for a moment, as the router would.
 * @throws BerthError `conflict` when another program has it, `denied` when it cannot be opened
 */
export async function probePort(port: Pick<RoutedPort, 'port' | 'protocol'>): Promise<void> {
  try {
    if (port.protocol === 'udp') {
      const socket = await openDatagrams(port.port)
      socket.close()
      return
    }
    const server = createServer((socket) => socket.resetAndDestroy())
    await listenOn(server, port.port)
    server.close()
    await once(server, 'close')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') throw isOthers(port)
    const why = `port ${portName(port)} cannot be opened: ${messageOf(cause)}`
    throw new BerthError('denied', why, 'choose another port', cause)
  }
}
