import type { Writable } from 'node:stream'
import { deadline } from '../lib/deadline.js'
import type { RequestAddress } from './host.js'
import type { Backend } from './backend.js'
import { valueOf } from './headers.js'
import type { ErrorKind } from './pages.js'
import type { Reply } from './reply.js'
import { isShared } from './rules/sticky.js'
import type { Destination } from './table.js'

/** Processes that are about to be there: a request waits for them, for so long and no longer. */
export interface Hold {
  /** ms */
  readonly limit: number
  /** Settles when it is worth while to look again. */
  readonly until: Promise<unknown>
}

/** Where an exchange may go, looked up again for each attempt: a redeploy may have swapped it in between. */
export interface Origin {
  find(): Destination | undefined
  /** ms until the first byte of the answer; 0 is for ever. */
  readonly firstByte: number
  /** The page to show when no process can be reached. */
  readonly away: () => ErrorKind
  /** What to wait for when no process can be reached; nothing unless it says so. */
  readonly hold?: () => Hold | undefined
}

/** The body of a request, as it comes from its client. */
export interface RequestBody {
  /** It has come whole. */
  readonly complete: boolean
  /** Passes it on, and makes its client wait where it has to; `moved` is called with each piece that comes. */
  readonly pass: (into: Writable, moved: (piece: Buffer) => void) => void
}

/** A request target as its client has it, and the path below which the app is. */
export interface AskedTarget {
  readonly target: string
  /** Empty where all of the hostname is the app's. */
  readonly base: string
}

/** A request that has been let in, whatever version of HTTP it came by. */
export interface Call {
  readonly method: string
  /** To be sent on, `[name, value, …]`; they say the frame. */
  readonly headers: readonly string[]
  /** Undefined where there is none: no byte may follow the head. */
  readonly body: RequestBody | undefined
  /** The body's length is not known: it is sent on in chunks. */
  readonly chunked: boolean
  /** Its client waits for `100 Continue`, which is the app's to say. */
  readonly expectsContinue: boolean
  readonly reply: Reply
  readonly address: RequestAddress
  /** What its client asked for. */
  readonly asked: AskedTarget
  readonly origin: Origin
  /** Its client's address, as far as the proxies before us are believed. */
  readonly client: string
  readonly id: string
}

/** An exchange under way with a process. */
export interface Underway {
  /** The app's answer has begun: from here on there is no repeating. */
  readonly answered: boolean
  /** The process does not read what it is sent. */
  readonly clogged: boolean
  /** Makes it deaf to what its connection still says, and closes that. */
  readonly abandon: () => void
}

/** What has a client come back to a process; undefined where it does so anyway, or need not. */
export function stickyCookie(
  { origin, headers }: Pick<Call, 'origin' | 'headers'>,
  backend: Backend | undefined,
): string | undefined {
  const sticky = origin.find()?.rules?.sticky
  if (!sticky || !backend || sticky.markIn(headers) === backend.mark) return undefined
  return sticky.cookieFor(backend.mark, valueOf(headers, 'x-forwarded-proto') === 'https')
}

/** Repeating these changes nothing (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** One request on its way through the router. */
export class Exchange {
  readonly call: Call
  readonly reply: Reply
  readonly tried = new Set<Backend>()
  /** Still so. */
  expectsContinue: boolean
  /** It has waited for processes to come already. */
  held = false
  /** It has been sent once more already. */
  repeated = false
  attempt: Underway | undefined
  timer: NodeJS.Timeout | undefined
  name: string | undefined
  #backend: Backend | undefined
  #release: () => void = () => undefined

  constructor(call: Call) {
    this.call = call
    this.reply = call.reply
    this.expectsContinue = call.expectsContinue
  }

  get over(): boolean {
    return this.reply.over
  }

  /** True when nobody can tell whether the app saw the request once or twice. */
  get repeatable(): boolean {
    return this.call.body === undefined && idempotent.has(this.call.method)
  }

  /** Waits as its origin says, once; true when it is worth while to look again. It ends when the client leaves. */
  async wait(): Promise<boolean> {
    const hold = this.held ? undefined : this.call.origin.hold?.()
    if (!hold) return false
    this.held = true
    using late = deadline(hold.limit)
    const { promise: left, resolve } = Promise.withResolvers<undefined>()
    this.reply.whenClosed(() => resolve(undefined))
    late.signal.addEventListener('abort', () => resolve(undefined))
    await Promise.race([hold.until, left]).catch(() => undefined)
    return !late.signal.aborted
  }

  /** The process that its client had before, where that counts. */
  get mark(): string | undefined {
    return this.call.origin.find()?.rules?.sticky?.markIn(this.call.headers)
  }

  /** Has the client of an answer come back to the process that gave it. @param headers of the answer, `[name, value, …]` */
  stick(headers: string[]): void {
    const cookie = stickyCookie(this.call, this.#backend)
    if (cookie !== undefined && !isShared(headers)) headers.push('set-cookie', cookie)
  }

  /** Counts this exchange on a backend, and no longer on the one before. */
  hold(backend: Backend): void {
    const previous = this.#release
    this.#backend = backend
    this.#release = backend.hold()
    previous()
  }

  /** Ends it: whatever the app still does, nobody waits for it. */
  end(): void {
    clearTimeout(this.timer)
    this.attempt?.abandon()
    this.#release()
  }
}
