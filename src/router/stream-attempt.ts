import { STATUS_CODES } from 'node:http'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { Writable } from 'node:stream'
import { isSound, type BodyFraming } from '../framing.js'
import type { AnswerHead } from './answer.js'
import type { AttemptEvents } from './attempt.js'
import type { Call, Exchange, Underway } from './exchange.js'
import { isFitTarget, prepareAnswer, valueOf } from './headers.js'
import { countSpent } from './spent-buffers.js'
import { waitForReader } from './stalled.js'

/** Codes of RFC 9113 §7. */
const refusedStream = 7
const cancel = 8
/** Flag of a frame (§6.2). */
const endStream = 1

const ofHttp1: ReadonlySet<string> = new Set(['host', 'transfer-encoding', 'expect'])

/** Whether a call is gRPC, whose streams may be silent for long and whose clients say how long they wait (`grpc-timeout`). */
export const isGrpc = (headers: readonly string[]): boolean =>
  valueOf(headers, 'content-type')?.startsWith('application/grpc') === true

/** The head of a request as HTTP/2 has it. `te` says that trailers are taken, which gRPC insists on. */
function headOf({ method, address, headers, expectsContinue }: Call): OutgoingHttpHeaders {
  const head: Record<string, string | string[]> = {
    ...{ ':method': method, ':path': address.path, ':scheme': 'http', ':authority': valueOf(headers, 'host') ?? '' },
    te: 'trailers',
  }
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2)
    if (ofHttp1.has(name)) continue
    const before = head[name]
    head[name] = before === undefined ? value : [before, value].flat()
  }
  return expectsContinue ? { ...head, expect: '100-continue' } : head
}

/** Lines of a head or of trailers as HTTP/1 has them. */
const linesOf = (raw: readonly string[]): string[] => raw.filter((_, i) => raw[i - (i % 2)]?.startsWith(':') === false)

/** The body of a request on its way to a process; what ends it early cancels the request. */
class StreamBody extends Writable {
  readonly #stream: ClientHttp2Stream

  constructor(stream: ClientHttp2Stream) {
    super()
    this.#stream = stream
    this.on('error', () => undefined) // the stream says it too
  }

  override _write(piece: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#stream.write(piece, done)
  }

  override _final(done: () => void): void {
    this.#stream.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished && !this.#stream.closed) this.#stream.close(cancel)
    done(error)
  }
}

/** One exchange on a stream of HTTP/2 to a process. Bodies are streamed, never held, and each side waits for the other. */
export class StreamAttempt implements Underway {
  readonly #exchange: Exchange
  readonly #events: AttemptEvents
  readonly #stream: ClientHttp2Stream
  readonly #body: StreamBody | undefined
  #live = true
  /** Its end has come. */
  #whole = false
  #trailers: readonly string[] = []
  answered = false

  /** Sends the request. @throws where it cannot be said in HTTP/2 */
  constructor(exchange: Exchange, session: ClientHttp2Session, events: AttemptEvents) {
    const { call } = exchange
    if (!isFitTarget(call.address.path)) throw new TypeError('a target that is none')
    this.#exchange = exchange
    this.#events = events
    this.#stream = session.request(headOf(call), { endStream: !call.body })
    this.#listen(this.#stream)
    this.#body = call.body && new StreamBody(this.#stream)
    if (this.#body) this.#upload(this.#body)
  }

  get clogged(): boolean {
    return this.#body?.writableNeedDrain === true
  }

  abandon(): void {
    if (!this.#live) return
    this.#live = false
    this.#letGo()
  }

  #letGo(): void {
    this.#body?.destroy()
    if (!this.#stream.closed) this.#stream.close(cancel)
  }

  #upload(body: StreamBody): void {
    const { call } = this.#exchange
    const most = call.origin.find()?.rules?.mostBody ?? Infinity
    let bytes = 0
    call.body?.pass(body, (piece) => {
      if (!this.answered) this.#exchange.timer?.refresh()
      if ((bytes += piece.length) > most && this.#live) this.#events.fail(this.#exchange, 'body-too-large')
    })
  }

  #listen(stream: ClientHttp2Stream): void {
    type Lines = [headers: object, flags: number, raw: readonly string[]]
    stream.on('error', () => undefined) // its close follows
    stream.on('continue', () => {
      this.#exchange.expectsContinue = false
      if (this.#live) this.#exchange.reply.sendContinue()
    })
    stream.on('headers', (...[headers, , raw]: Lines) => {
      if (this.#live) this.#exchange.reply.inform(answerHead(headers, raw))
    })
    stream.on('response', (...[headers, flags, raw]: Lines) => this.#begin(answerHead(headers, raw), flags))
    stream.on('trailers', (...[, , raw]: Lines) => {
      this.#trailers = linesOf(raw)
      this.#whole = true
    })
    stream.on('data', (piece: Buffer) => this.#take(piece))
    stream.once('end', () => this.#end())
    stream.once('close', () => this.#end())
  }

  #begin(head: AnswerHead, flags: number): void {
    if (!this.#live) return
    const { reply, call, timer } = this.#exchange
    clearTimeout(timer)
    this.#whole = (flags & endStream) !== 0
    const frame = frameOf(head, call.method, this.#whole)
    try {
      if (!isSound(head.rawHeaders)) throw new TypeError('an answer that cannot be passed on')
      const answer = prepareAnswer(head, frame, call.id)
      call.origin.find()?.rules?.applyTo(answer.headers)
      this.#exchange.answers(answer.statusCode, answer.headers)
      reply.begin(answer, frame)
      this.answered = true
    } catch {
      this.#events.fail(this.#exchange, 'hung-up')
      return
    }
    if (frame.kind !== 'none')
      setImmediate(() => {
        if (!reply.over) reply.flush()
      })
  }

  #take(piece: Buffer): void {
    countSpent(piece.length)
    if (!this.#live || !this.answered) return
    if (this.#exchange.reply.write(piece)) return
    this.#stream.pause()
    waitForReader(this.#exchange, {
      late: () => this.#cut(),
      resume: () => {
        if (this.#live) this.#stream.resume()
      },
    })
  }

  /** A stream that is reset ends, too, and its answer is not whole then. */
  #end(): void {
    if (!this.#live) return
    const { rstCode } = this.#stream
    if (this.answered && (this.#whole || rstCode === 0) && this.#stream.readableEnded) {
      this.#live = false
      clearTimeout(this.#exchange.timer)
      if (this.#body?.writableFinished === false) this.#letGo()
      this.#exchange.reply.end(undefined, this.#trailers)
    } else if (this.answered) this.#cut(rstCode)
    else if (rstCode === refusedStream) {
      this.#live = false
      this.#body?.destroy()
      this.#events.refused(this.#exchange)
    } else this.#events.fail(this.#exchange, 'hung-up')
  }

  /** @param code that says why (RFC 9113 §7), for a client that can be told */
  #cut(code?: number): void {
    this.#exchange.reply.cut(code)
    this.abandon()
  }
}

function answerHead(headers: object, raw: readonly string[]): AnswerHead {
  const statusCode = Number((headers as { ':status'?: number })[':status'])
  return { httpVersion: '2.0', statusCode, statusMessage: STATUS_CODES[statusCode] ?? '', rawHeaders: linesOf(raw) }
}

/** What follows a head; trailers may come where no length was said. */
function frameOf({ statusCode, rawHeaders }: AnswerHead, method: string, ended: boolean): BodyFraming {
  if (ended || method === 'HEAD' || statusCode === 204 || statusCode === 304) return { kind: 'none' }
  const length = valueOf(rawHeaders, 'content-length')
  if (length === undefined || !/^\d{1,15}$/.test(length) || isGrpc(rawHeaders)) return { kind: 'chunked' }
  return { kind: 'length', bytes: Number(length) }
}
