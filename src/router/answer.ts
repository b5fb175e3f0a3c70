import { frameOfAnswer, type BodyFraming } from '../framing.js'
import { ChunkedBody } from './chunked.js'
import { parseLines } from './lines.js'

/** Bytes of the head of an answer, as of a request. */
const maxHead = 16 * 1024

/** What an answer begins with; names in lower case. */
export interface AnswerHead {
  readonly httpVersion: string
  readonly statusCode: number
  readonly statusMessage: string
  readonly rawHeaders: readonly string[]
}

/** Who is told what an app answers. */
export interface AnswerTaker {
  /** An interim answer (RFC 9110 §15.2). */
  readonly inform: (head: AnswerHead) => void
  readonly begin: (head: AnswerHead, frame: BodyFraming) => void
  /** A piece of the body; with `trailers` the answer is whole. */
  readonly take: (piece: Buffer | undefined, trailers?: readonly string[]) => void
  /** What came makes no sense. Nothing follows. */
  readonly refuse: () => void
}

const none: readonly string[] = []

/**
 * Reads the answer to one request from the bytes of a connection, strictly: of what two readers could understand differently
 * it takes nothing. Node's own client would build four objects and twenty listeners for each.
 */
export class AnswerReader {
  readonly #method: string
  readonly #taker: AnswerTaker
  /** What there is of a head. */
  #text = ''
  #frame: BodyFraming | undefined
  #left = 0
  #chunks: ChunkedBody | undefined
  #over = false
  /** Bytes came behind its end. */
  surplus = false

  constructor(method: string, taker: AnswerTaker) {
    this.#method = method
    this.#taker = taker
  }

  /** Nothing more is read: it is whole, or was refused. */
  get over(): boolean {
    return this.#over
  }

  read(chunk: Buffer): void {
    if (this.#over) this.surplus = true
    else if (this.#frame) this.#readBody(chunk)
    else this.#readHeads(chunk)
  }

  /** Nothing more will come. @returns whether that makes it whole */
  end(): boolean {
    if (!this.#over && this.#frame?.kind === 'close') this.#finish(undefined)
    return this.#over
  }

  #readHeads(chunk: Buffer): void {
    let from = Math.max(this.#text.length - 3, 0)
    let text = this.#text + chunk.toString('latin1')
    for (;;) {
      const end = text.indexOf('\r\n\r\n', from)
      if (end < 0) break
      if (end > maxHead) {
        this.#refuse()
        return
      }
      const used = end + 4
      if (!this.#onHead(text.slice(0, end))) return
      if (this.#frame) {
        const rest = chunk.subarray(chunk.length - (text.length - used))
        if (this.#frame.kind === 'none') this.#finish(rest)
        else if (rest.length > 0) this.#readBody(rest)
        return
      }
      text = text.slice(used)
      from = 0
    }
    this.#text = text
    // what can become no head is refused before its end comes, which may be never; it may come a byte at a time
    const isNone = text.length > maxHead || !'HTTP/'.startsWith(text.slice(0, 5)) || /[^\r]\n/.test(text.slice(from))
    if (isNone) this.#refuse()
  }

  /** @returns false when it is refused */
  #onHead(text: string): boolean {
    const first = text.indexOf('\r\n')
    const start = first < 0 ? text : text.slice(0, first)
    const [, httpVersion, status, statusMessage = ''] = /^HTTP\/(\d\.\d) (\d{3})(?: ([^\r\n]*))?$/.exec(start) ?? []
    const rawHeaders = first < 0 ? none : parseLines(text, first + 2)
    if (httpVersion === undefined || rawHeaders === null) return this.#refuse()
    const head = { httpVersion, statusCode: Number(status), statusMessage, rawHeaders }
    if (head.statusCode >= 100 && head.statusCode < 200 && head.statusCode !== 101) {
      this.#taker.inform(head)
      return !this.#over
    }
    const frame = frameOfAnswer(head, this.#method)
    if (frame === null) return this.#refuse()
    this.#frame = frame.kind === 'length' && frame.bytes === 0 ? { kind: 'none' } : frame
    if (frame.kind === 'length') this.#left = frame.bytes
    if (frame.kind === 'chunked') this.#chunks = new ChunkedBody()
    this.#taker.begin(head, frame)
    return !this.#over
  }

  #readBody(chunk: Buffer): void {
    if (this.#chunks) this.#readChunks(chunk, this.#chunks)
    else if (this.#frame?.kind === 'close') this.#taker.take(chunk)
    else if (chunk.length < this.#left) {
      this.#left -= chunk.length
      this.#taker.take(chunk)
    } else {
      this.#over = true
      this.surplus = chunk.length > this.#left
      this.#taker.take(this.surplus ? chunk.subarray(0, this.#left) : chunk, none)
    }
  }

  #readChunks(chunk: Buffer, chunks: ChunkedBody): void {
    const piece = chunks.read(chunk)
    if (piece === null) {
      this.#refuse()
      return
    }
    if (chunks.trailers) {
      this.#over = true
      this.surplus = chunks.surplus
      this.#taker.take(piece.length > 0 ? piece : undefined, chunks.trailers)
    } else if (piece.length > 0) this.#taker.take(piece)
  }

  #finish(rest: Buffer | undefined): void {
    this.#over = true
    this.surplus = rest !== undefined && rest.length > 0
    this.#taker.take(undefined, none)
  }

  #refuse(): false {
    this.#over = true
    this.surplus = true
    this.#taker.refuse()
    return false
  }

  /** Reads no more, whatever comes. */
  stop(): void {
    this.#over = true
  }
}
