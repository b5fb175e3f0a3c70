import type { Socket } from 'node:net'
import type { Backend } from '../backend.js'
import { Connection } from '../connection.js'
import type { Destination } from '../table.js'

/** ms without a byte either way after which a connection is over. */
const idleTime = 3_600_000
/** ms that a client has to end its side when the process has ended its own, and no byte comes. */
const lastTime = 60_000
/** ms without a byte after which the kernel asks whether the other side is there still. */
const probeTime = 60_000

/** Where the bytes of a client go. */
export interface Carried {
  /** Asked again for each try: a route may change meanwhile. */
  readonly find: () => Destination | undefined
  /** Port that the processes listen on. */
  readonly to: number
  /** What is sent before what the client sends. */
  readonly first?: Buffer | undefined
}

/** A connection to a process, and what says that it is over. */
interface Dialled {
  readonly upstream: Socket
  readonly over: () => void
}

/**
 * Carries a client's bytes to a process and back, until both have ended: each side waits for the other, and the end of one
 * direction is passed on while the other goes on. The client's connection is reset where no process takes it, and where the
 * process breaks it off. It counts as a request of its process.
 */
export async function carry(client: Socket, carried: Carried): Promise<void> {
  client.on('error', () => undefined)
  const dialled = await dial(carried)
  if (!dialled) {
    client.resetAndDestroy()
    return
  }
  const { upstream, over } = dialled
  upstream.once('close', over)
  if (client.destroyed) {
    upstream.destroy()
    return
  }
  if (carried.first) upstream.write(carried.first)
  join(client, upstream)
}

async function dial({ find, to }: Carried): Promise<Dialled | undefined> {
  const tried = new Set<Backend>()
  for (;;) {
    const backend = find()?.pick(tried)
    if (!backend || !('host' in backend.endpoint)) return undefined
    tried.add(backend)
    const over = backend.hold()
    try {
      const connection = await Connection.open({ host: backend.endpoint.host, port: to })
      return { upstream: connection.detach(), over }
    } catch {
      over() // the next one may take it
    }
  }
}

function join(client: Socket, upstream: Socket): void {
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.setKeepAlive(true, probeTime)
    one.once('close', (broken) => {
      if (broken) other.resetAndDestroy()
      else if (!one.readableEnded || !one.writableFinished) other.destroy()
    })
    one.pipe(other)
  }
  upstream.once('end', () => client.setTimeout(lastTime))
  client.setTimeout(idleTime, () => client.destroy())
}
