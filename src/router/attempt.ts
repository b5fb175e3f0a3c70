import type { BodyFraming } from '../framing.js'
import { AnswerReader, type AnswerHead, type AnswerTaker } from './answer.js'
import type { Carried, Connection } from './connection.js'
import type { Exchange, Underway } from './exchange.js'
import { keptFor, prepareAnswer } from './headers.js'
import type { ErrorKind } from './pages.js'
import { waitForReader } from './stalled.js'
import { Upload } from './upload.js'

/** Who is told how an attempt ends that brought no answer. */
export interface AttemptEvents {
  /** The page that its client is to get. */
  readonly fail: (exchange: Exchange, kind: ErrorKind) => void
  readonly broken: (exchange: Exchange, connection: Connection, error: NodeJS.ErrnoException) => void
  /** The process says that it has done nothing of it. */
  readonly refused: (exchange: Exchange) => void
}

/** One exchange on one connection to a process: the request goes out, its answer is passed on. Bodies are streamed, never held. */
export class Attempt implements Carried, AnswerTaker, Underway {
  readonly #exchange: Exchange
  readonly #connection: Connection
  readonly #events: AttemptEvents
  readonly #reader: AnswerReader
  #upload: Upload | undefined
  #live = true
  #kept: number | undefined
  answered = false

  constructor(exchange: Exchange, connection: Connection, events: AttemptEvents) {
    this.#exchange = exchange
    this.#connection = connection
    this.#events = events
    this.#reader = new AnswerReader(exchange.call.method, this)
  }

  /** Sends the request. */
  send(head: string): void {
    const { call, timer } = this.#exchange
    const { socket } = this.#connection
    this.#connection.carry(this)
    if (!call.body) {
      socket.write(head, 'latin1')
      return
    }
    const upload = new Upload(socket, head, call.chunked)
    this.#upload = upload
    const most = call.origin.find()?.rules?.mostBody ?? Infinity
    let bytes = 0
    call.body.pass(upload, (piece) => {
      timer?.refresh()
      if ((bytes += piece.length) > most && this.#live) this.#events.fail(this.#exchange, 'body-too-large')
    })
    setImmediate(() => {
      if (this.#live) upload.flush()
    })
  }

  get clogged(): boolean {
    return this.#upload?.writableNeedDrain === true
  }

  abandon(): void {
    if (!this.#live) return
    this.#live = false
    this.#reader.stop()
    this.#upload?.destroy()
    this.#connection.destroy()
  }

  data(chunk: Buffer): void {
    this.#reader.read(chunk)
  }

  end(): void {
    if (!this.#live || this.#reader.end()) return
    if (this.answered) this.#cut()
    else this.broken(Object.assign(new Error('the process hung up'), { code: 'ECONNRESET' }))
  }

  broken(error: NodeJS.ErrnoException): void {
    if (!this.#live) return
    if (this.answered) {
      this.#cut()
      return
    }
    this.#live = false
    this.#upload?.destroy()
    this.#events.broken(this.#exchange, this.#connection, error)
  }

  inform(head: AnswerHead): void {
    const { reply } = this.#exchange
    if (head.statusCode === 100) {
      this.#exchange.expectsContinue = false
      reply.sendContinue()
    } else reply.inform(head)
  }

  begin(head: AnswerHead, frame: BodyFraming): void {
    const { reply, call, timer } = this.#exchange
    clearTimeout(timer)
    this.#kept = keptFor(head)
    try {
      const answer = prepareAnswer(head, frame, call.id)
      call.origin.find()?.rules?.applyTo(answer.headers)
      this.#exchange.answers(answer.statusCode, answer.headers)
      reply.begin(answer, frame)
      this.answered = true
    } catch {
      this.refuse()
      return
    }
    // Headers wait for the first byte of a body, to travel in one packet; a stream's must not.
    if (frame.kind !== 'none')
      setImmediate(() => {
        if (!reply.over) reply.flush()
      })
  }

  take(piece: Buffer | undefined, trailers?: readonly string[]): void {
    const { reply } = this.#exchange
    if (!trailers) {
      if (piece && !reply.write(piece)) this.#waitForReader()
      return
    }
    this.#live = false
    clearTimeout(this.#exchange.timer)
    if (this.#reader.surplus || this.#upload) this.#letGo()
    else this.#connection.rest(this.#kept)
    reply.end(piece, trailers)
  }

  refuse(): void {
    if (this.answered) this.#cut()
    else this.#events.fail(this.#exchange, 'hung-up')
  }

  /** What follows a whole answer is not part of it; a body that is still being sent is taken no further. */
  #letGo(): void {
    this.#upload?.destroy()
    this.#connection.destroy()
  }

  #cut(): void {
    this.#exchange.reply.cut()
    this.abandon()
  }

  #waitForReader(): void {
    this.#connection.socket.pause()
    waitForReader(this.#exchange, {
      late: () => this.#cut(),
      resume: () => {
        if (this.#live) this.#connection.socket.resume()
      },
    })
  }
}
