import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BodyFraming } from '../framing.js'
import type { AnswerHead } from './answer.js'
import { passableTrailers, prepareInformation, type PreparedAnswer } from './headers.js'
import { sendPage, type ErrorKind, type PageSubject } from './pages.js'

/** What the answer to a client goes into, whatever version of HTTP it speaks. */
export interface Reply {
  /** Nothing more can be said. */
  readonly over: boolean
  /** Its head is out, or on its way: no page can take its place. */
  readonly begun: boolean
  /** Hands on an interim answer, where the client knows them and reads. */
  readonly inform: (head: AnswerHead) => void
  /** Tells the client to send the body that it holds back. */
  readonly sendContinue: () => void
  /** The head; it may wait for the first piece of the body, to travel in one packet. @throws where it cannot be written */
  readonly begin: (answer: PreparedAnswer, frame: BodyFraming) => void
  /** @returns false when the client has to be waited for: `whenDrained` is called once */
  readonly write: (piece: Buffer) => boolean
  readonly whenDrained: (go: () => void) => void
  readonly end: (piece: Buffer | undefined, trailers: readonly string[]) => void
  /** Sends what waits. */
  readonly flush: () => void
  readonly page: (kind: ErrorKind, subject: PageSubject) => void
  /** Cuts it off so that the client can tell that it is not whole. @param code why, of RFC 9113 §7, for a client that speaks HTTP/2 */
  readonly cut: (code?: number) => void
  readonly whenClosed: (end: () => void) => void
}

/** A reply over HTTP/1. */
export class Http1Reply implements Reply {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.#response = response
  }

  get over(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  inform(head: AnswerHead): void {
    const { socket } = this.#response
    // HTTP/1.0 knows none; those for a client that does not read are not held
    if (this.#request.httpVersion !== '1.1' || this.begun || !socket || socket.writableNeedDrain) return
    const headers = prepareInformation(head)
    if (headers === null) return
    let text = `HTTP/1.1 ${head.statusCode} ${head.statusMessage}\r\n`
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
    socket.write(`${text}\r\n`, 'latin1')
  }

  sendContinue(): void {
    const { socket } = this.#response
    if (this.#request.httpVersion === '1.1' && !this.begun && socket && !socket.writableNeedDrain)
      this.#response.writeContinue()
  }

  begin({ statusCode, statusMessage, headers }: PreparedAnswer, frame: BodyFraming): void {
    const response = this.#response
    // to HTTP/1.0 nothing is chunked: the end of a body of unknown length is the end of its connection
    const endless = this.#request.httpVersion === '1.0' && (frame.kind === 'chunked' || frame.kind === 'close')
    const kept = response.shouldKeepAlive && !endless && response.getHeader('connection') !== 'close'
    headers.push('connection', kept ? 'keep-alive' : 'close')
    response.writeHead(statusCode, statusMessage, headers)
  }

  write(piece: Buffer): boolean {
    return this.#response.write(piece)
  }

  whenDrained(go: () => void): void {
    this.#response.once('drain', go)
  }

  end(piece: Buffer | undefined, trailers: readonly string[]): void {
    if (trailers.length > 0) this.#response.addTrailers(passableTrailers(trailers))
    if (piece) this.#response.end(piece)
    else this.#response.end()
  }

  flush(): void {
    this.#response.flushHeaders()
  }

  page(kind: ErrorKind, subject: PageSubject): void {
    sendPage({ request: this.#request, response: this.#response }, kind, subject)
  }

  cut(): void {
    this.#response.destroy()
  }

  whenClosed(end: () => void): void {
    this.#response.once('close', end)
  }
}
