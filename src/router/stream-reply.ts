import type { ServerHttp2Stream } from 'node:http2'
import type { Writable } from 'node:stream'
import type { BodyFraming } from '../framing.js'
import type { AnswerHead } from './answer.js'
import type { RequestBody } from './exchange.js'
import { passableTrailers, prepareInformation, type PreparedAnswer } from './headers.js'
import { answerTo, type ErrorKind, type PageSubject } from './pages.js'
import type { Reply } from './reply.js'
import { countSpent } from './spent-buffers.js'

/** Codes of RFC 9113 §7. */
const noError = 0
const protocolError = 1
const internalError = 2
/** Interim answers that a stream is passed: they are not held back as a body is. */
const mostInterim = 32

type Lines = Record<string, string | string[]>

/** Headers as node:http2 takes them. */
function asObject(list: readonly string[], into: Lines): Lines {
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] ?? ''
    const value = list[i + 1] ?? ''
    const before = into[name]
    into[name] = before === undefined ? value : [before, value].flat()
  }
  return into
}

/** A reply over HTTP/2. */
export class StreamReply implements Reply {
  readonly #stream: ServerHttp2Stream
  readonly #accept: string | undefined
  #interim = 0
  #ended = false
  #trailers: readonly string[] = []

  constructor(stream: ServerHttp2Stream, accept: string | undefined) {
    this.#stream = stream
    this.#accept = accept
    // what is left of the body has no reader any more (RFC 9113 §8.1)
    stream.once('finish', () => {
      if (!stream.endAfterHeaders && !stream.readableEnded && !stream.closed) stream.close(noError)
    })
  }

  get over(): boolean {
    // node:http2 ends its side of a HEAD from the start
    return this.#ended || this.#stream.destroyed || this.#stream.closed
  }

  get begun(): boolean {
    return this.#stream.headersSent
  }

  inform(head: AnswerHead): void {
    if (this.over || this.begun || ++this.#interim > mostInterim) return
    const headers = prepareInformation(head)
    if (headers) this.#stream.additionalHeaders({ ...asObject(headers, {}), ':status': head.statusCode })
  }

  sendContinue(): void {
    if (!this.over && !this.begun) this.#stream.additionalHeaders({ ':status': 100 })
  }

  begin({ statusCode, headers }: PreparedAnswer, { kind }: BodyFraming): void {
    const stream = this.#stream
    const waitForTrailers = kind === 'chunked'
    if (waitForTrailers)
      stream.once('wantTrailers', () => stream.sendTrailers(asObject(passableTrailers(this.#trailers).flat(), {})))
    stream.respond({ ...asObject(headers, {}), ':status': statusCode }, { endStream: kind === 'none', waitForTrailers })
  }

  write(piece: Buffer): boolean {
    return this.over || this.#stream.write(piece)
  }

  whenDrained(go: () => void): void {
    this.#stream.once('drain', go)
  }

  end(piece: Buffer | undefined, trailers: readonly string[]): void {
    this.#trailers = trailers
    if (this.over) return
    this.#ended = true
    if (this.#stream.writableEnded) return
    if (piece) this.#stream.end(piece)
    else this.#stream.end()
  }

  flush(): void {
    // its frames are sent at the end of the turn
  }

  page(kind: ErrorKind, subject: PageSubject): void {
    const stream = this.#stream
    if (this.over || this.begun) return
    const { status, headers, body } = answerTo(kind, subject, this.#accept)
    this.#ended = true
    stream.respond({ ...headers, ':status': status }, { endStream: stream.writableEnded })
    if (!stream.writableEnded) stream.end(body)
  }

  cut(code?: number): void {
    this.#stream.close(code ?? internalError)
  }

  whenClosed(end: () => void): void {
    this.#stream.once('close', end)
  }
}

/** The body of a stream. What it says of its length is held to: the app reads by that, and what follows it would be another request. */
export function bodyOfStream(stream: ServerHttp2Stream, frame: BodyFraming): RequestBody {
  let left = frame.kind === 'length' ? frame.bytes : Infinity
  const give = (into: Writable): void => {
    into.destroy()
    if (!stream.closed) stream.close(protocolError)
  }
  return {
    get complete() {
      return stream.readableEnded
    },
    pass: (into, moved) => {
      const take = (piece: Buffer): void => {
        moved(piece)
        countSpent(piece.length)
        left -= piece.length
        if (left < 0) give(into)
        else if (!into.write(piece)) stream.pause()
      }
      const resume = (): unknown => stream.resume()
      stream.on('data', take)
      into.on('drain', resume)
      into.once('close', () => {
        stream.off('data', take).off('end', ended).pause()
        into.off('drain', resume)
      })
      // a stream that is reset ends, too, and has not come whole
      const ended = (): void => {
        if (stream.closed || stream.aborted || (left !== 0 && left !== Infinity)) give(into)
        else into.end()
      }
      stream.once('end', ended)
    },
  }
}
