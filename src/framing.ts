import type { IncomingMessage } from 'node:http'

/**
 * How the body of a message is delimited (RFC 9112 §6.3). Whoever passes a message on frames it anew by this and by
 * nothing else, so that no two readers of it can disagree on where it ends.
 */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Until the connection closes: an answer only. */
  | { readonly kind: 'close' }

/** Why a request is not read at all. */
export type FrameFault = 'bad-request' | 'headers-too-large' | 'no-such-encoding' | 'no-such-version'

/** Header lines of a message. Servers that apps are made with refuse at 100 (Python, Apache) to 1,000 (Node). */
export const maxHeaderLines = 500

/** Never dropped because `Connection` names them, and never written but from a frame. */
export const framingHeaders: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host'])

const none: BodyFraming = { kind: 'none' }
const chunked: BodyFraming = { kind: 'chunked' }
const close: BodyFraming = { kind: 'close' }

/** Whether bytes follow the head. */
export const hasBody = (frame: BodyFraming): boolean =>
  frame.kind !== 'none' && !(frame.kind === 'length' && frame.bytes === 0)

/**
 * What no header value may hold (RFC 9110 §5.5): readers differ on what these end. A fold over two lines, which Node
 * hands on with its line break inside, is among them (RFC 9112 §5.2).
 */
// eslint-disable-next-line no-control-regex
const unsound = /[\x00-\x08\x0a-\x1f\x7f]/

interface FramingHeaders {
  readonly sound: boolean
  readonly lengths: readonly string[]
  readonly encodings: readonly string[]
}

const nothing: readonly string[] = []

/** One look at every header line, as it was sent: Node's `headers` leaves out doubled ones. */
function linesOf(raw: readonly string[]): FramingHeaders {
  let lengths = nothing
  let encodings = nothing
  let sound = raw.length <= 2 * maxHeaderLines
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    if (unsound.test(value)) sound = false
    if (name.length === 14 && name.toLowerCase() === 'content-length') lengths = [...lengths, value.trim()]
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding')
      encodings = [...encodings, value.trim().toLowerCase()]
  }
  return { sound, lengths, encodings }
}

const spoken = (version: string): boolean => version === '1.1' || version === '1.0'

/** The frame by the two headers that make one; null where they contradict each other or make no sense. */
function explicit({ lengths, encodings }: FramingHeaders, version: string): BodyFraming | null {
  if (encodings.length > 0) {
    // RFC 9112 §6.1: with a length beside it, or in HTTP/1.0, this is what smuggling looks like
    const plain = encodings.length === 1 && encodings[0] === 'chunked'
    return plain && lengths.length === 0 && version === '1.1' ? chunked : null
  }
  if (lengths.length === 0) return none
  const [length = ''] = lengths
  return lengths.length === 1 && /^\d{1,15}$/.test(length) ? { kind: 'length', bytes: Number(length) } : null
}

/** The frame of a request, or why it is refused; where it is refused nothing more may be read from its connection. */
export function frameOfRequest(request: IncomingMessage): BodyFraming | FrameFault {
  if (!spoken(request.httpVersion)) return 'no-such-version'
  if (request.rawHeaders.length > 2 * maxHeaderLines) return 'headers-too-large'
  const lines = linesOf(request.rawHeaders)
  if (!lines.sound) return 'bad-request'
  const frame = explicit(lines, request.httpVersion)
  if (frame) return frame
  const other = lines.lengths.length === 0 && request.httpVersion === '1.1' && lines.encodings.length === 1
  return other ? 'no-such-encoding' : 'bad-request'
}

/** What the frame of an answer is known by. */
export interface FramedAnswer {
  readonly httpVersion: string
  readonly statusCode?: number | undefined
  readonly rawHeaders: readonly string[]
}

/** The frame of an answer to a request with this method; null when the answer makes no sense and is not passed on. */
export function frameOfAnswer(answer: FramedAnswer, method: string | undefined): BodyFraming | null {
  const status = answer.statusCode ?? 0
  if (!spoken(answer.httpVersion) || status < 200 || status > 999) return null
  const lines = linesOf(answer.rawHeaders)
  const frame = lines.sound ? explicit(lines, answer.httpVersion) : null
  if (frame === null || method === 'HEAD' || status === 204 || status === 304) return frame && none
  return frame.kind === 'none' ? close : frame
}

/** Whether every header value may be written out as it is. */
export const isSound = (raw: readonly string[]): boolean => linesOf(raw).sound
