import type { BrotliCompress, Gzip } from 'node:zlib'
import type { BodyFraming } from '../../framing.js'
import type { AnswerHead } from '../answer.js'
import { valueOf, type PreparedAnswer } from '../headers.js'
import type { ErrorKind, PageSubject } from '../pages.js'
import type { Reply } from '../reply.js'

/** Bytes below which an answer is not worth it. */
const least = 1_000
/** Answers that are compressed at once: each takes a quarter of a MiB. More are sent as they are. */
const mostAtOnce = 200

/** What gets smaller; what is compressed already, as pictures are, is not named. Events are not to wait for one another. */
const types =
  /^(?:text\/(?!event-stream)|(?:application\/(?:javascript|json|xml|wasm|manifest\+json|[\w.-]+\+(?:json|xml)|x-javascript|vnd\.ms-fontobject)|image\/(?:svg\+xml|x-icon|bmp)|font\/(?:ttf|otf))(?:[\s;]|$))/i

type Coding = 'br' | 'gzip'

/** The best that a client takes (RFC 9110 §12.5.3); undefined where it takes none. */
export function codingFor(accepted: string | undefined): Coding | undefined {
  const weights = new Map<string, number>()
  for (const one of (accepted ?? '').slice(0, 1_000).toLowerCase().split(',')) {
    const [name = '', ...rest] = one.split(';').map((part) => part.trim())
    const weight = rest.find((part) => part.startsWith('q='))
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0)
  }
  const of = (name: Coding): number => weights.get(name) ?? weights.get('*') ?? 0
  if (of('br') > 0 && of('br') >= of('gzip')) return 'br'
  return of('gzip') > 0 ? 'gzip' : undefined
}

/** Whether an answer may be sent in another form, and gets smaller by it. */
export function isCompressible({ statusCode, headers }: PreparedAnswer, frame: BodyFraming): boolean {
  if (frame.kind === 'none' || (frame.kind === 'length' && frame.bytes < least)) return false
  if (statusCode === 206 || !types.test(valueOf(headers, 'content-type') ?? '')) return false
  const coding = valueOf(headers, 'content-encoding') ?? 'identity'
  return coding.toLowerCase() === 'identity' && !/no-transform/i.test(valueOf(headers, 'cache-control') ?? '')
}

const changed: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'accept-ranges',
  'vary',
  'etag',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
])

/** The head of an answer that is sent compressed (RFC 9110 §8.4, §8.8.3.3). */
export function compressedHead({ headers, ...rest }: PreparedAnswer, coding: Coding): PreparedAnswer {
  const kept = headers.filter((_, i) => !changed.has(headers[i - (i % 2)] ?? ''))
  const vary = valueOf(headers, 'vary')
  const names = vary === undefined ? [] : vary.split(',').map((name) => name.trim().toLowerCase())
  const all =
    names.includes('*') || names.includes('accept-encoding')
      ? vary
      : [...(vary ? [vary] : []), 'accept-encoding'].join(', ')
  const tag = valueOf(headers, 'etag')
  // the same bytes are another representation now: equal in meaning, no more
  if (tag !== undefined) kept.push('etag', tag.startsWith('W/') ? tag : `W/${tag}`)
  kept.push('vary', all ?? 'accept-encoding', 'content-encoding', coding)
  return { ...rest, headers: kept }
}

let atOnce = 0

function encoderFor(coding: Coding): BrotliCompress | Gzip {
  // a router of apps that compress nothing does without it
  const { constants, createBrotliCompress, createGzip } = process.getBuiltinModule('node:zlib')
  if (coding === 'gzip') return createGzip({ level: 5 })
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = constants
  return createBrotliCompress({ params: { [BROTLI_PARAM_QUALITY]: 4, [BROTLI_PARAM_LGWIN]: 18 } })
}

/** A reply that is sent compressed where it gets smaller by that. What the app has sent is not held back for more. */
export class CompressedReply implements Reply {
  readonly #reply: Reply
  readonly #coding: Coding
  #encoder: BrotliCompress | Gzip | undefined
  #ending = false
  #flushing = false

  constructor(reply: Reply, coding: Coding) {
    this.#reply = reply
    this.#coding = coding
  }

  get over(): boolean {
    return this.#reply.over || this.#ending
  }

  get begun(): boolean {
    return this.#reply.begun
  }

  inform(head: AnswerHead): void {
    this.#reply.inform(head)
  }

  sendContinue(): void {
    this.#reply.sendContinue()
  }

  begin(answer: PreparedAnswer, frame: BodyFraming): void {
    if (atOnce >= mostAtOnce || !isCompressible(answer, frame)) {
      this.#reply.begin(answer, frame)
      return
    }
    this.#reply.begin(compressedHead(answer, this.#coding), { kind: 'chunked' })
    this.#encoder = this.#encode()
  }

  #encode(): BrotliCompress | Gzip {
    const reply = this.#reply
    const encoder = encoderFor(this.#coding)
    atOnce += 1
    encoder.on('data', (piece: Buffer) => {
      if (reply.write(piece)) return
      encoder.pause()
      reply.whenDrained(() => encoder.resume())
    })
    encoder.once('error', () => reply.cut())
    encoder.once('close', () => (atOnce -= 1))
    reply.whenClosed(() => encoder.destroy())
    return encoder
  }

  write(piece: Buffer): boolean {
    const encoder = this.#encoder
    if (!encoder) return this.#reply.write(piece)
    const hasRoom = encoder.write(piece)
    if (hasRoom && !this.#flushing) {
      this.#flushing = true
      setImmediate(() => {
        this.#flushing = false
        if (!this.#ending && !encoder.destroyed) encoder.flush()
      })
    }
    return hasRoom
  }

  whenDrained(go: () => void): void {
    if (this.#encoder) this.#encoder.once('drain', go)
    else this.#reply.whenDrained(go)
  }

  end(piece: Buffer | undefined, trailers: readonly string[]): void {
    const encoder = this.#encoder
    if (!encoder) {
      this.#reply.end(piece, trailers)
      return
    }
    this.#ending = true
    encoder.once('end', () => this.#reply.end(undefined, trailers))
    encoder.end(piece)
  }

  flush(): void {
    this.#reply.flush()
  }

  page(kind: ErrorKind, subject: PageSubject): void {
    this.#reply.page(kind, subject)
  }

  cut(code?: number): void {
    this.#reply.cut(code)
  }

  whenClosed(end: () => void): void {
    this.#reply.whenClosed(end)
  }
}
