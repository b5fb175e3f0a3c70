import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { BerthError } from '../errors.js'

/** A request's body, inflated if need be. It ends early when the client goes away, and when what it sent is not gzip. */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  try {
    const source: Readable = encoding === 'gzip' ? request.pipe(createGunzip()) : request
    if (source !== request) request.once('error', () => source.destroy())
    // whoever stops reading may still want to answer: the request is not theirs to end
    for await (const chunk of source.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  } catch {
    return
  }
}

/** Reads and drops what is left, so that the client gets to read its answer. */
export async function discard(request: IncomingMessage, body: AsyncGenerator<Buffer, void>): Promise<void> {
  await body.return()
  request.unpipe()
  request.resume()
}

/** @throws BerthError `invalid` for an encoding other than git's own */
export function checkEncoding(request: IncomingMessage): void {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'gzip' && encoding !== 'identity')
    throw new BerthError(
      'invalid',
      `Content-Encoding ${encoding.slice(0, 20)} is not understood`,
      'git sends gzip or none',
    )
}
