import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { EngineError } from '../errors.js'
import { wholeOf } from '../system/whole.js'
import { jsonFault } from './json-fault.js'

const limit = 4 * 1024 * 1024

/** Parses a JSON body; an empty one is `{}`. @throws EngineError `invalid` */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {}
  const text = body.toString('utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new EngineError('invalid', `invalid JSON: ${jsonFault(text)}`, error)
  }
}

/** Refuses a body that its client calls anything but JSON, as dockerd does. @throws EngineError `invalid` */
export function demandJson({ headers }: IncomingMessage): void {
  const type = headers['content-type']
  if (type !== undefined && type.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw new EngineError('invalid', `Content-Type specified (${type}) must be 'application/json'`)
}

/** Reads a whole body of at most 4 MiB. @throws EngineError `invalid` */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return wholeOf(request, limit, () => new EngineError('invalid', 'the request body is larger than 4 MiB'))
}

/**
 * Takes the body of an Upgrade request off its socket. Node hands such a body over raw, as `head` or as the socket's
 * first data: exactly Content-Length bytes are consumed, the rest stays for whoever reads the socket next.
 * @throws EngineError `invalid`
 */
export async function takeBody(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Buffer> {
  const length = Number(request.headers['content-length'] ?? 0)
  if (!Number.isInteger(length) || length < 0 || length > limit)
    throw new EngineError('invalid', 'the request body is larger than 4 MiB or has no length')
  let taken = head
  while (taken.length < length) {
    const chunk = await nextChunk(socket)
    if (!chunk) throw new EngineError('invalid', 'the connection ended in the middle of the request body')
    taken = Buffer.concat([taken, chunk])
  }
  if (taken.length > length) socket.unshift(taken.subarray(length))
  return taken.subarray(0, length)
}

/** By `readable`, not `data`: pausing would leave the socket paused for whoever reads it next. */
async function nextChunk(socket: Duplex): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = socket.read() as Buffer | null
    if (chunk) return chunk
    if (socket.readableEnded || socket.destroyed) return undefined
    await new Promise<void>((resolve) => {
      const settle = () => {
        socket.off('readable', settle).off('end', settle).off('close', settle)
        resolve()
      }
      socket.on('readable', settle).on('end', settle).on('close', settle)
    })
  }
}
