import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { deadline } from '../lib/deadline.js'
import { BerthError } from '../errors.js'

/** What a client may send, and how slowly. */
export interface BodyLimits {
  /** Bytes, inflated; more is `large`. */
  readonly bytes: number
  /** Milliseconds that its silences may take in all; each KiB that arrives earns it a second more, up to this much. */
  readonly patienceMs: number
  /** Said when there are more bytes. */
  readonly tooLarge: { readonly message: string; readonly hint: string }
}

const mebibyte = 1024 * 1024
/** What is read of a body that nobody wants, so that its sender gets to read the answer; then it is hung up on. */
const dropped = { bytes: 256 * mebibyte, ms: 30_000 }

/**
 * A request's body, inflated if need be. It ends early when the client goes away, and when what it sent is not gzip.
 * @throws BerthError `large` past the limit, `invalid` when the client is too slow
 */
export async function* requestBody(request: IncomingMessage, limits: BodyLimits): AsyncGenerator<Buffer, void> {
  const gzip = request.headers['content-encoding'] === 'gzip'
  const source: Readable = gzip ? request.pipe(createGunzip()) : request
  if (gzip) request.once('error', () => source.destroy())
  // whoever stops reading may still want to answer: the request is not theirs to end
  const chunks = source.iterator({ destroyOnReturn: false })
  let [bytes, leftMs] = [0, limits.patienceMs]
  try {
    for (;;) {
      const since = performance.now()
      const chunk = await nextWithin(chunks, leftMs)
      if (chunk === null) return
      bytes += chunk.length
      if (bytes > limits.bytes) throw new BerthError('large', limits.tooLarge.message, limits.tooLarge.hint)
      leftMs = Math.min(limits.patienceMs, leftMs - (performance.now() - since) + (chunk.length / 1024) * 1000)
      yield chunk
    }
  } finally {
    // lets go of the request, once the piece that is waited for has come
    chunks.return?.().catch(() => undefined)
  }
}

/** The next piece; null at the end, and when the client went away. */
async function nextWithin(chunks: AsyncIterator<unknown>, ms: number): Promise<Buffer | null> {
  const next = chunks.next().then(
    ({ done, value }) => (done === true ? null : (value as Buffer)),
    () => null,
  )
  using late = deadline(Math.max(ms, 1))
  const lateness = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () =>
      reject(new BerthError('invalid', 'the push stopped arriving', 'push again; is the connection slow or cut?')),
    )
  })
  return await Promise.race([next, lateness])
}

/** Reads and drops what is left, so that the client gets to read its answer. Resolves when there is no more, or too much. */
export async function discard(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  request.unpipe()
  let bytes = 0
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, dropped.ms)
    const end = (): void => {
      clearTimeout(late)
      resolve()
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > dropped.bytes) end()
    })
    for (const event of ['end', 'close', 'error']) request.once(event, end)
    request.resume()
  })
  request.pause()
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
