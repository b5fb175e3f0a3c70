import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { connectEngine, type EngineClient } from '../../src/engine-client/client.js'

/** A stand-in for an engine: a socket at which `answer` answers, while it is open. */
export interface StandIn extends AsyncDisposable {
  readonly engineSocket: string
  /** @param upgrade takes the connections of requests that ask for another protocol */
  open(answer: RequestListener, upgrade?: (url: string, socket: Duplex) => void): Promise<void>
  /** Breaks every connection; the socket is gone. */
  close(): Promise<void>
}

export async function standIn(): Promise<StandIn> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-client-'))
  const engineSocket = join(dir, 'engine.sock')
  let close = (): Promise<void> => Promise.resolve()
  return {
    engineSocket,
    async open(answer, upgrade) {
      const server = createServer(answer).listen(engineSocket)
      const upgraded: Duplex[] = []
      if (upgrade)
        server.on('upgrade', ({ url = '' }, socket: Duplex) => {
          upgraded.push(socket)
          upgrade(url, socket)
        })
      await once(server, 'listening')
      close = async () => {
        close = () => Promise.resolve()
        const closed = once(server, 'close')
        server.close()
        server.closeAllConnections()
        for (const socket of upgraded) socket.destroy()
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

/** A stand-in for each test of a suite, and a client of it. */
export function setStandIn(): { readonly engine: StandIn; readonly client: EngineClient } {
  let engine: StandIn
  let client: EngineClient
  beforeEach(async () => {
    engine = await standIn()
    client = connectEngine(engine)
  })
  afterEach(() => engine[Symbol.asyncDispose]())
  return {
    get engine() {
      return engine
    },
    get client() {
      return client
    },
  }
}

/** What a promise is refused with; null when it is not. */
export const failure = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => null,
    (error: unknown) => error,
  )

/** Answers with a status and the words that an engine says with it. */
export const refusing =
  (statusCode: number, message: string): RequestListener =>
  (request, response) => {
    request.resume()
    response.writeHead(statusCode).end(JSON.stringify({ message }))
  }

/** Everything that comes, at once. */
export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

/** A frame of an engine's logs. */
export function frame(stream: 'stdout' | 'stderr', text: string): Buffer {
  const body = Buffer.from(text)
  const header = Buffer.from([stream === 'stderr' ? 2 : 1, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}
