import type { Writable } from 'node:stream'
import { deadline } from '../lib/deadline.js'
import type { RequestAddress } from './host.js'
import type { Backend } from './backend.js'
import { valueOf } from './headers.js'
import type { ErrorKind } from './pages.js'
import type { Reply } from './reply.js'
import { isShared } from './rules/own-cookie.js'
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

/** What has a client come back to the process, or the release, that it was given; none where it does so anyway, or need not. */
export function cookiesFor(call: Pick<Call, 'origin' | 'headers' | 'client'>, backend: Backend | undefined): string[] {
  const { rules, canary } = call.origin.find() ?? {}
  const isSecure = valueOf(call.headers, 'x-forwarded-proto') === 'https'
  const isNew = rules?.sticky && backend && rules.sticky.markIn(call.headers) !== backend.mark
  const cookies = [
    isNew ? rules.sticky.cookieFor(backend.mark, isSecure) : undefined,
    canary?.cookieFor(call, isSecure),
  ]
  return cookies.filter((one) => one !== undefined)
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
  #isCounted = false
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

  /** A process answers. @param headers of the answer, `[name, value, …]`: what has its client come back is added */
  answers(status: number, headers: string[]): void {
    const cookies = isShared(headers) ? [] : cookiesFor(this.call, this.#backend)
    for (const cookie of cookies) headers.push('set-cookie', cookie)
    this.count(status >= 500)
  }

  /** Counts it, once, where that is wanted. */
  count(isError: boolean): void {
    if (this.#backend && !this.#isCounted) this.call.origin.find()?.canary?.count(this.#backend, isError)
    this.#isCounted = true
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
