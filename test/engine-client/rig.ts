import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A stand-in for an engine: a socket at which `answer` answers, while it is open. */
export interface StandIn extends AsyncDisposable {
  readonly engineSocket: string
  open(answer: RequestListener): Promise<void>
  /** Breaks every connection; the socket is gone. */
  close(): Promise<void>
}

export async function standIn(): Promise<StandIn> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-client-'))
  const engineSocket = join(dir, 'engine.sock')
  let close = (): Promise<void> => Promise.resolve()
  return {
    engineSocket,
    async open(answer) {
      const server = createServer(answer).listen(engineSocket)
      await once(server, 'listening')
      close = async () => {
        close = () => Promise.resolve()
        const closed = once(server, 'close')
        server.close()
        server.closeAllConnections()
        await closed
      }
    },
    close: () => close(),
    async [Symbol.asyncDispose]() {
      await close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
