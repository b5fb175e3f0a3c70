import type { IncomingMessage } from 'node:http'
import { BerthError } from '../../errors.js'
import { LineSplitter } from '../../lib/lines.js'
import type { LineStream } from '../endpoint.js'
import { toError } from './http.js'

/** No line of ours is longer, in UTF-16 units. */
const longestMessage = 16 * 1024 * 1024

const cut = (cause?: unknown): BerthError =>
  new BerthError(
    'unavailable',
    'the connection to Berth was lost',
    'what was begun goes on; see `berth releases`',
    cause,
  )

/** The pieces of a text as they come. @throws BerthError `unavailable` when it was cut off */
export async function* textPieces(response: IncomingMessage): AsyncGenerator<string, void, void> {
  response.setEncoding('utf8')
  response.socket.setTimeout(0)
  try {
    for await (const chunk of response) yield chunk as string
  } catch (cause) {
    throw cut(cause)
  }
  if (!response.complete) throw cut()
}

/** The pieces of an archive as they come. @throws BerthError `unavailable` when it was cut off */
export async function* archivePieces(response: IncomingMessage): AsyncGenerator<Buffer, void, void> {
  response.socket.setTimeout(0)
  try {
    for await (const chunk of response) yield chunk as Buffer
  } catch (cause) {
    throw cut(cause)
  }
  if (!response.complete) throw cut()
}

/** NDJSON as it comes, up to the verdict. @throws BerthError what the server said, `unavailable` when it was cut off */
export async function* readLines(response: IncomingMessage): LineStream<unknown, unknown> {
  response.setEncoding('utf8')
  const lines = new LineSplitter(longestMessage)
  try {
    for await (const chunk of response) {
      for (const line of lines.read(chunk as string)) {
        if (line === '') continue // a heartbeat
        const value = JSON.parse(line) as Record<string, unknown>
        if ('end' in value) return value.end
        if ('error' in value) throw toError(value.error)
        yield value
      }
    }
  } catch (cause) {
    throw cause instanceof BerthError ? cause : cut(cause)
  } finally {
    response.destroy()
  }
  throw cut()
}
