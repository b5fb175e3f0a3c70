import type { BodyFraming } from '../../framing.js'
import type { AnswerHead } from '../answer.js'
import { valueOf, type PreparedAnswer } from '../headers.js'
import type { RequestAddress } from '../host.js'
import type { ErrorKind, PageSubject } from '../pages.js'
import type { Reply } from '../reply.js'
import type { Assets } from './assets.js'

/** Seconds that an answer says that it may be kept for, at least: a week. */
const longEnough = 604_800
/** ms a client has to read an asset. */
const longestReading = 300_000
/** How an asset may be coded, the smallest first. */
const codings = ['br', 'zstd', 'gzip', ''] as const
/** Of one answer alone, not of the file. */
const ofOneAnswer: ReadonlySet<string> = new Set(['date', 'age', 'x-request-id', 'connection', 'keep-alive'])

/** Whether an answer says of itself that it is the same for everybody, and will not change (RFC 9111 §3, §4.1, RFC 8246). */
export function isAsset({ statusCode, headers }: PreparedAnswer): boolean {
  if (statusCode !== 200 || headers.includes('set-cookie')) return false
  const control = (valueOf(headers, 'cache-control') ?? '').toLowerCase()
  if (/(?:^|[\s,])(?:private|no-store|no-cache)/.test(control)) return false
  const age = /(?:^|[\s,])max-age="?(\d{1,10})/.exec(control)?.[1]
  if (!/(?:^|[\s,])immutable(?:$|[\s,])/.test(control) && Number(age ?? 0) < longEnough) return false
  const vary = (valueOf(headers, 'vary') ?? '').toLowerCase().split(',')
  const coding = valueOf(headers, 'content-encoding') ?? ''
  return (
    vary.every((name) => ['', 'accept-encoding'].includes(name.trim())) &&
    (codings as readonly string[]).includes(coding)
  )
}

/** Whether a client takes a coding (RFC 9110 §12.5.3). */
const takes = (accepted: string, coding: string): boolean =>
  coding === '' || new RegExp(`(?:^|[\\s,])${coding}(?:$|[\\s,]|;(?!\\s*q=0(?:\\.0*)?(?:$|[\\s,])))`).test(accepted)

/** Where the assets of an app are kept. */
export interface AssetShelf {
  readonly assets: Assets
  /** App id. */
  readonly app: string
  /** Sets and takes away headers of its answers. */
  readonly applyTo: (headers: string[]) => void
}

/** A request that may be for an asset. */
export interface AssetCall {
  readonly method: string
  /** `[name, value, …]`, names in lower case. */
  readonly headers: readonly string[]
  readonly address: Pick<RequestAddress, 'path'>
  readonly id: string
}

/** Whether requests for a target may get, and leave, assets. @param prefixes of paths, in whole segments */
export function isAssetCall({ method, headers, address }: AssetCall, prefixes: readonly string[]): boolean {
  const { path } = address
  return (
    (method === 'GET' || method === 'HEAD') &&
    !path.includes('?') &&
    prefixes.some((prefix) => path.startsWith(`${prefix}/`)) &&
    !['authorization', 'range'].some((name) => headers.includes(name))
  )
}

/** An answer that is collected to be kept. */
interface Collected {
  readonly name: string
  readonly signature: string
  readonly headers: readonly string[]
  readonly pieces: Buffer[]
  size: number
}

/** A reply that keeps what is an asset, and has one that is kept take the place of an app's 404. */
export class AssetReply implements Reply {
  readonly #reply: Reply
  readonly #call: AssetCall
  readonly #shelf: AssetShelf
  /** The answer so far, where it is to be kept. */
  #kept: Collected | undefined
  /** Another answer has taken the place of the app's. */
  #replaced = false

  constructor(reply: Reply, call: AssetCall, shelf: AssetShelf) {
    this.#reply = reply
    this.#call = call
    this.#shelf = shelf
  }

  get over(): boolean {
    return this.#reply.over
  }

  get begun(): boolean {
    return this.#replaced || this.#reply.begun
  }

  inform(head: AnswerHead): void {
    this.#reply.inform(head)
  }

  sendContinue(): void {
    this.#reply.sendContinue()
  }

  begin(answer: PreparedAnswer, frame: BodyFraming): void {
    const name = answer.statusCode === 404 ? this.#find() : undefined
    if (name !== undefined) {
      this.#replaced = true
      void this.#replace(name, answer)
      return
    }
    // of what ends with its connection nobody can tell that it is whole
    if (this.#call.method === 'GET' && frame.kind !== 'close' && isAsset(answer)) this.#collect(answer)
    this.#reply.begin(answer, frame)
  }

  write(piece: Buffer): boolean {
    if (this.#replaced) return true
    this.#note(piece)
    return this.#reply.write(piece)
  }

  whenDrained(go: () => void): void {
    this.#reply.whenDrained(go)
  }

  end(piece: Buffer | undefined, trailers: readonly string[]): void {
    if (this.#replaced) return
    if (piece) this.#note(piece)
    this.#keep()
    this.#reply.end(piece, trailers)
  }

  flush(): void {
    if (!this.#replaced) this.#reply.flush()
  }

  page(kind: ErrorKind, subject: PageSubject): void {
    this.#reply.page(kind, subject)
  }

  /** What the app still does is of no interest where another answer has taken the place of its own. */
  cut(code?: number): void {
    this.#drop()
    if (!this.#replaced) this.#reply.cut(code)
  }

  whenClosed(end: () => void): void {
    this.#reply.whenClosed(end)
  }

  /** Collects it, unless it is the one that is kept. */
  #collect({ headers }: PreparedAnswer): void {
    const { assets, app } = this.#shelf
    const value = (name: string): string => valueOf(headers, name) ?? ''
    const signature = ['etag', 'last-modified', 'content-length'].map(value).join(' ')
    const name = assets.nameOf(this.#call.address.path, value('content-encoding'))
    if (assets.isKept(app, name, signature)) return
    const own = headers.filter((_, i) => !ofOneAnswer.has(headers[i - (i % 2)] ?? ''))
    this.#kept = { name, signature, headers: own, pieces: [], size: 0 }
    this.#reply.whenClosed(() => this.#drop())
  }

  #note(piece: Buffer): void {
    const kept = this.#kept
    if (!kept) return
    const { assets } = this.#shelf
    if (kept.size + piece.length > assets.limits.each || !assets.hold(piece.length)) {
      this.#drop()
      return
    }
    kept.size += piece.length
    kept.pieces.push(piece)
  }

  #drop(): void {
    if (this.#kept) this.#shelf.assets.free(this.#kept.size)
    this.#kept = undefined
  }

  #keep(): void {
    if (!this.#kept) return
    const { assets, app } = this.#shelf
    const { name, signature, headers, pieces } = this.#kept
    this.#kept = undefined
    assets.keep(app, name, { headers, body: Buffer.concat(pieces), signature })
  }

  /** The one that its client takes. */
  #find(): string | undefined {
    const { assets, app } = this.#shelf
    const { address, headers } = this.#call
    const accepted = (valueOf(headers, 'accept-encoding') ?? '').toLowerCase()
    return codings
      .filter((coding) => takes(accepted, coding))
      .map((coding) => assets.nameOf(address.path, coding))
      .find((name) => assets.sizeOf(app, name) !== undefined)
  }

  async #replace(name: string, missing: PreparedAnswer): Promise<void> {
    const { assets, app, applyTo } = this.#shelf
    const reply = this.#reply
    const size = assets.sizeOf(app, name) ?? 0
    const hasRoom = assets.hold(size)
    if (hasRoom) {
      const late = setTimeout(() => reply.cut(), longestReading)
      reply.whenClosed(() => {
        clearTimeout(late)
        assets.free(size)
      })
    }
    // what cannot be read is as what was not kept: its client gets what the app says
    const asset = hasRoom ? await assets.read(app, name).catch(() => undefined) : undefined
    if (reply.over) return
    if (!asset) {
      const headers = missing.headers.filter((_, i) => missing.headers[i - (i % 2)] !== 'content-length')
      reply.begin({ ...missing, headers: [...headers, 'content-length', '0'] }, { kind: 'none' })
      reply.end(undefined, [])
      return
    }
    const { length } = asset.body
    const own = asset.headers.filter((_, i) => asset.headers[i - (i % 2)] !== 'content-length')
    applyTo(own) // as they are now
    const headers = [
      ...own,
      'content-length',
      String(length),
      'x-berth-asset',
      'earlier',
      'x-request-id',
      this.#call.id,
    ]
    const hasBody = this.#call.method === 'GET' && length > 0
    const frame = hasBody ? ({ kind: 'length', bytes: length } as const) : ({ kind: 'none' } as const)
    reply.begin({ statusCode: 200, statusMessage: 'OK', headers }, frame)
    reply.end(hasBody ? asset.body : undefined, [])
  }
}
