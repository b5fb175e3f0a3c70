import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Response } from 'express'
import type { BerthError } from '../errors.js'
import { bodyOfFault } from './faults.js'
import type { LineStream } from './endpoint.js'

/** How often a silent stream of lines says that it lives, so that whoever stands between does not cut it. */
const heartbeatMs = 15_000

/** Writes, and resolves when there is room for more or nobody reads any more. Leaves no listener behind. */
export async function write(to: Writable, text: string | Uint8Array): Promise<void> {
  if (to.destroyed || to.write(text)) return
  const over = new AbortController()
  const { signal } = over
  await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]).finally(() => over.abort())
}

/** Sends NDJSON: every line as it comes, then the verdict or the error that ended it. */
export async function sendLines(
  response: Response,
  lines: LineStream<unknown, unknown>,
  toFault: (error: unknown) => BerthError,
): Promise<void> {
  response.type('application/x-ndjson').set('X-Accel-Buffering', 'no').flushHeaders()
  const heartbeat = setInterval(() => response.write('\n'), heartbeatMs)
  try {
    let next = await lines.next()
    for (; next.done !== true && !response.destroyed; next = await lines.next())
      await write(response, `${JSON.stringify(next.value)}\n`)
    if (next.done === true) await write(response, `${JSON.stringify({ end: next.value })}\n`)
    else await lines.return(undefined)
  } catch (error) {
    await write(response, `${JSON.stringify({ error: bodyOfFault(toFault(error)) })}\n`)
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
}

/** Sends plain text as it comes. One that fails is cut off, which a client can tell from an end (RFC 9112 §8). */
export async function sendText(response: Response, text: AsyncIterable<string>): Promise<void> {
  response.type('text/plain').set('X-Accel-Buffering', 'no').flushHeaders()
  try {
    for await (const part of text) await write(response, part)
    response.end()
  } catch {
    response.destroy()
  }
}

/** Sends an archive as it comes; what fails before its first byte is an answer of its own, later it is cut off. */
export async function sendArchive(response: Response, archive: AsyncGenerator<Buffer>): Promise<void> {
  let next = await archive.next()
  response.type('application/x-tar').set('X-Accel-Buffering', 'no').flushHeaders()
  try {
    for (; next.done !== true && !response.destroyed; next = await archive.next()) await write(response, next.value)
    response.end()
  } catch {
    response.destroy()
  } finally {
    await archive.return(undefined)
  }
}
