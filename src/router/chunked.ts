import { framingHeaders, isSound } from '../framing.js'
import { parseLines } from './lines.js'

/** Bytes of chunk extensions, or of trailers, that a body may have. */
const maxExtra = 16 * 1024
/** Digits of a chunk's size that count. */
const maxDigits = 12

type State = 'size' | 'extension' | 'size-end' | 'data' | 'data-return' | 'data-end' | 'trailers'

const CR = 0x0d
const LF = 0x0a

/** The value of a hexadecimal digit, else -1. */
function digit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** What a chunked body carries (RFC 9112 §7.1), read strictly. */
export class ChunkedBody {
  #state: State = 'size'
  /** Of this chunk, still to come. */
  #left = 0
  #digits = 0
  #zeros = 0
  #extra = 0
  #text = ''
  /** Once it is whole. */
  trailers: readonly string[] | undefined
  /** Bytes came behind its end. */
  surplus = false

  /**
   * Reads on.
   * @param bytes are the reader's from now on: what they carry is moved to their beginning, so that a body of one-byte chunks
   * costs no buffer for each
   * @returns what these bytes carry; null when they make no sense
   */
  read(bytes: Buffer): Buffer | null {
    let [at, kept] = [0, 0]
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(at + this.#left, bytes.length)
        if (kept !== at) bytes.copyWithin(kept, at, end)
        kept += end - at
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#state = 'data-return'
      } else if (this.#state === 'trailers') {
        const end = this.#readTrailers(bytes.toString('latin1', at))
        if (end === null) return null
        if (this.trailers) this.surplus = end > 0
        break
      } else if (!this.#step(bytes[at++] ?? 0)) return null
    }
    return bytes.subarray(0, kept)
  }

  /** A byte between two chunks. @returns whether it may be there */
  #step(byte: number): boolean {
    switch (this.#state) {
      case 'size':
        return this.#stepSize(byte)
      case 'extension':
        if (byte === CR) this.#state = 'size-end'
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f || ++this.#extra > maxExtra) return false
        return true
      case 'size-end':
        if (byte !== LF) return false
        this.#state = this.#left === 0 ? 'trailers' : 'data'
        this.#digits = this.#zeros = 0
        return true
      case 'data-return':
        this.#state = 'data-end'
        return byte === CR
      default:
        this.#state = 'size'
        return byte === LF
    }
  }

  #stepSize(byte: number): boolean {
    const value = digit(byte)
    if (value < 0) {
      if (this.#digits + this.#zeros === 0) return false
      if (byte === CR) this.#state = 'size-end'
      else if (byte === 0x3b) this.#state = 'extension'
      else return false
      return true
    }
    if (value === 0 && this.#digits === 0) return ++this.#zeros <= maxDigits
    this.#left = this.#left * 16 + value
    return ++this.#digits <= maxDigits
  }

  /** @returns how many bytes came behind the end of the body; null when these make no sense */
  #readTrailers(more: string): number | null {
    this.#text += more
    const text = this.#text
    const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n') + 2
    if (text.length >= 2 && (end >= 2 || text.startsWith('\r\n'))) {
      const trailers = end === 0 ? [] : parseLines(text.slice(0, end - 2))
      if (trailers === null || !isSound(trailers)) return null
      if (trailers.some((name, i) => i % 2 === 0 && framingHeaders.has(name))) return null
      this.trailers = trailers
      return text.length - end - 2
    }
    return text.length > maxExtra || /(?:^|[^\r])\n/.test(text) ? null : 0
  }
}
