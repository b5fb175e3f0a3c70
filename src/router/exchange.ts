import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { hasBody, type BodyFraming } from '../framing.js'
import type { AdmittedRequest } from '../http-server.js'
import { deadline } from '../lib/deadline.js'
import type { RequestAddress } from './host.js'
import type { Backend } from './backend.js'
import type { ErrorKind } from './pages.js'
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

/** Repeating these changes nothing (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** One request on its way through the router. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly frame: BodyFraming
  readonly address: RequestAddress
  readonly origin: Origin
  readonly id: string
  readonly hasBody: boolean
  readonly tried = new Set<Backend>()
  /** Its client waits for `100 Continue`, which is the app's to say. */
  expectsContinue: boolean
  /** It has waited for processes to come already. */
  held = false
  /** It has been sent once more already. */
  repeated = false
  /** Makes the current attempt deaf to what its connection still says. */
  abandon: () => void = () => undefined
  /** The app's response, once it has begun: from here on there is no repeating. */
  answer: IncomingMessage | undefined
  outgoing: ClientRequest | undefined
  timer: NodeJS.Timeout | undefined
  name: string | undefined
  #release: () => void = () => undefined

  constructor(
    { request, response, frame, expectsContinue }: AdmittedRequest,
    address: RequestAddress,
    origin: Origin,
    id: string,
  ) {
    this.request = request
    this.response = response
    this.frame = frame
    this.expectsContinue = expectsContinue
    this.hasBody = hasBody(frame)
    this.address = address
    this.origin = origin
    this.id = id
  }

  get over(): boolean {
    return this.response.destroyed || this.response.writableEnded
  }

  /** True when nobody can tell whether the app saw the request once or twice. */
  get repeatable(): boolean {
    return !this.hasBody && idempotent.has(this.request.method ?? '')
  }

  /** Waits as its origin says, once; true when it is worth while to look again. It ends when the client leaves. */
  async wait(): Promise<boolean> {
    const hold = this.held ? undefined : this.origin.hold?.()
    if (!hold) return false
    this.held = true
    using late = deadline(hold.limit)
    const left = once(this.response, 'close', { signal: late.signal })
    await Promise.race([hold.until, left]).catch(() => undefined)
    return !late.signal.aborted
  }

  /** Counts this exchange on a backend, and no longer on the one before. */
  hold(backend: Backend): void {
    const previous = this.#release
    this.#release = backend.hold()
    previous()
  }

  /** Ends it: whatever the app still does, nobody waits for it. */
  end(): void {
    clearTimeout(this.timer)
    this.outgoing?.destroy()
    this.#release()
  }
}
