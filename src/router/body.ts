import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'

/** So many chunks are passed on at once; most come in fewer. */
const most = 4096

/**
 * Passes a body on, in one write what came at once, and stops its connection while the other side does not read. Node
 * makes a buffer of each chunk (RFC 9112 §7.1), half a kilobyte for one of a byte: piped, 65,536 of them are held on
 * either side, and a stranger's one connection takes 300 MB.
 * @param held is called when the other side has to be waited for
 */
export function passBody(from: IncomingMessage, into: Writable, held: () => void = () => undefined): void {
  let chunks: Buffer[] = []
  const flush = (): void => {
    if (chunks.length === 0 || into.destroyed) return
    const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    chunks = []
    // the connection of a message that is whole is the next one's
    if (into.write(whole) || from.complete) return
    from.socket.pause()
    held()
  }
  const take = (chunk: Buffer): void => {
    const count = chunks.push(chunk)
    if (count === 1) setImmediate(flush)
    else if (count === most) flush()
  }
  const goOn = (): void => {
    if (!from.complete) from.socket.resume()
  }
  into.on('drain', goOn).once('close', () => {
    into.off('drain', goOn)
    from.off('data', take)
    if (!from.complete) from.pause().socket.pause()
  })
  from.on('data', take).once('end', () => {
    flush()
    if (!into.destroyed) into.end()
  })
}
