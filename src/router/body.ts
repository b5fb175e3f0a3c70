import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { countSpent } from './spent-buffers.js'

/** So many chunks are passed on at once; most come in fewer. */
const most = 4096

/** Chunks of less than this on an average cost more than what is in them; bytes. */
const smallChunk = 512

/** Who sends fewer than this in one go waits for nobody: an event stream, a terminal. */
const many = 256

/** So many small chunks a millisecond are taken, of all connections of the process together. */
const smallChunksAMs = 50

/** A wait that is shorter is not worth a timer; ms. */
const shortestWait = 5

/** When the small chunks that came so far are paid for; ms of `performance.now()`. */
let paidAt = 0

/** How long whoever sent these has to be left waiting; ms. */
function waitFor(count: number, bytes: number): number {
  if (count < many || bytes >= count * smallChunk) return 0
  const now = performance.now()
  paidAt = Math.max(now, paidAt) + count / smallChunksAMs
  const wait = paidAt - now
  return wait < shortestWait ? 0 : wait
}

/**
 * Passes a body on, in one write what came at once, and stops its connection while the other side does not read. Node
 * makes a buffer of each chunk (RFC 9112 §7.1), half a kilobyte for one of a byte: piped, 65,536 of them are held on
 * either side, and a stranger's one connection takes 300 MB. They are garbage in no time then, but of a kind that V8 gives
 * back late: who sends many small ones is slowed down.
 * @param held is called when the other side has to be waited for
 */
export function passBody(from: IncomingMessage, into: Writable, held: () => void = () => undefined): void {
  let chunks: Buffer[] = []
  let [full, waiting] = [false, false]
  const flush = (): void => {
    if (chunks.length === 0 || into.destroyed) return
    const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    const wait = waitFor(chunks.length, whole.length)
    chunks = []
    full = !into.write(whole)
    // the connection of a message that is whole is the next one's
    if (from.complete) return
    if (wait > 0 && !waiting) {
      waiting = true
      setTimeout(() => {
        waiting = false
        goOn()
      }, wait).unref()
    }
    if (full || waiting) from.socket.pause()
    if (full) held()
  }
  const take = (chunk: Buffer): void => {
    const count = chunks.push(chunk)
    countSpent(chunk.length)
    if (count === 1) setImmediate(flush)
    else if (count === most) flush()
  }
  const goOn = (): void => {
    if (!full && !waiting && !from.complete && !into.destroyed) from.socket.resume()
  }
  const drained = (): void => {
    full = false
    goOn()
  }
  into.on('drain', drained).once('close', () => {
    into.off('drain', drained)
    from.off('data', take)
    if (!from.complete) from.pause().socket.pause()
  })
  from.on('data', take).once('end', () => {
    flush()
    if (!into.destroyed) into.end()
  })
}
