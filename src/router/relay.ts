import type { Socket } from 'node:net'

/** ms the other side of a half-closed connection gets to close too. */
const grace = 10_000

/** Listeners are the same functions for all sockets and find the other side here: closures for each would take kilobytes. */
const others = new WeakMap<Socket, Socket>()

/**
 * Carries what one side says to the other, and makes them end together: an end, a reset and a disappearance are passed on. It
 * takes the place of what piped them and listened for their errors, which holds all that they were opened with.
 */
export function relay(a: Socket, b: Socket): void {
  const ways = [
    [a, b],
    [b, a],
  ] as const
  for (const [one, other] of ways) {
    others.set(one, other)
    one.unpipe(other).removeAllListeners('error')
    one.on('data', pass).on('drain', goOn).on('end', endOther).on('error', resetOther).on('close', closeOther)
  }
  for (const [one, other] of ways) if (!other.writableNeedDrain) one.resume()
}

function pass(this: Socket, piece: Buffer): void {
  const other = others.get(this)
  if (other?.writable === true && !other.write(piece)) this.pause()
}

function goOn(this: Socket): void {
  others.get(this)?.resume()
}

function endOther(this: Socket): void {
  const other = others.get(this)
  if (!other) return
  other.end()
  const late = setTimeout(() => other.destroy(), grace)
  other.once('close', () => clearTimeout(late))
}

/** So that the other side can tell; over TLS, where nothing can be reset, without the word that it ended. */
function resetOther(this: Socket): void {
  const other = others.get(this)
  if (!other || 'encrypted' in other) other?.destroy()
  else other.resetAndDestroy()
}

function closeOther(this: Socket): void {
  others.get(this)?.destroySoon()
}
