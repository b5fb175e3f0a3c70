import { Attempt, type AttemptEvents } from './attempt.js'
import type { Backend } from './backend.js'
import type { Connection } from './connection.js'
import { isOwnError } from './descriptors.js'
import { Exchange, type Call } from './exchange.js'
import { requestHead, valueOf } from './headers.js'
import type { ErrorKind, PageSubject } from './pages.js'
import { withoutSsoCookies } from '../sso/cookies.js'
import { sendAnswer } from './redirect.js'
import type { Reply } from './reply.js'
import { isGrpc, StreamAttempt } from './stream-attempt.js'
import { NotHttp2 } from './upstream-sessions.js'
import { AssetReply, isAssetCall } from './rules/asset-reply.js'
import { codingFor, CompressedReply } from './rules/compress.js'
import type { AppRules, Verdict } from './rules/rules.js'

/** What processes are to blame for. */
const faults: ReadonlySet<ErrorKind> = new Set(['hung-up', 'too-slow', 'not-running', 'not-http2'])

/**
 * Sends exchanges to processes. A repeatable request (idempotent, no body) goes over a connection at rest where there is
 * one; any other goes over a connection that is opened for it, so that a refused one has cost nothing and the next
 * process is tried. A request is sent a second time only when the first cannot have been read.
 */
export class Forwarder implements AttemptEvents {
  /** Carries a request out, if its app's rules let it in; its reply is ended or cut in every case. */
  forward(call: Call): void {
    this.#enter(call, false)
  }

  /** @param isKnown it was held before: it is not counted once more */
  #enter(call: Call, isKnown: boolean): void {
    const rules = call.origin.find()?.rules
    if (!rules) {
      this.#carry({ ...call, headers: withoutSsoCookies(call.headers) })
      return
    }
    const { method, headers, asked, client } = call
    const verdict = rules.judge({ method, headers, ...asked }, { client, isKnown })
    if (verdict instanceof Promise) void verdict.then((judged) => this.#follow(call, rules, judged))
    else this.#follow(call, rules, verdict)
  }

  #follow(call: Call, rules: AppRules, verdict: Verdict): void {
    if (call.reply.over) return
    const subject = subjectOf(call)
    if ('kind' in verdict && verdict.kind === 'maintenance' && this.#hold(call, rules)) return
    if ('kind' in verdict && verdict.kind === 'answer') sendAnswer(call.reply, verdict, call)
    else if ('kind' in verdict) call.reply.page(verdict.kind, { ...subject, headers: verdict.headers })
    else if (Number(valueOf(call.headers, 'content-length') ?? 0) > rules.mostBody)
      call.reply.page('body-too-large', subject)
    else this.#carry({ ...call, headers: verdict.headers, reply: replyTo(call, rules) })
  }

  /** @returns false where the rules hold nothing, or there is no room */
  #hold(call: Call, { given, held }: AppRules): boolean {
    if (given.hold === undefined) return false
    return held.add(given.hold * 1000, call.reply, (haveChanged) => {
      if (haveChanged) this.#enter(call, true)
      else if (!call.reply.over) call.reply.page('maintenance', subjectOf(call))
    })
  }

  #carry(call: Call): void {
    const exchange = new Exchange(call)
    exchange.reply.whenClosed(() => exchange.end())
    const destination = call.origin.find()
    exchange.name = destination?.name
    const backend =
      exchange.repeatable && destination?.rules?.isHttp2 !== true
        ? destination?.pick(undefined, exchange.call)
        : undefined
    const connection = backend?.reuse()
    if (backend && connection) this.#send(exchange, backend, connection)
    else void this.#dial(exchange, backend)
  }

  /** Opens a connection to a process not yet tried, and sends the request over it. */
  async #dial(exchange: Exchange, first?: Backend): Promise<void> {
    const { origin } = exchange.call
    let next = first
    for (;;) {
      const backend = next ?? origin.find()?.pick(exchange.tried, exchange.call)
      next = undefined
      if (!backend) {
        const worthwhile = await exchange.wait()
        if (exchange.over) return
        if (worthwhile) continue
        this.fail(exchange, origin.away())
        return
      }
      exchange.hold(backend)
      const isSent = await (origin.find()?.rules?.isHttp2 === true
        ? this.#openStream(exchange, backend)
        : this.#openConnection(exchange, backend))
      if (isSent || exchange.over) return
      exchange.tried.add(backend)
    }
  }

  /** @returns false when there is none */
  async #openConnection(exchange: Exchange, backend: Backend): Promise<boolean> {
    const connection = await backend.dial(exchange.repeatable).catch((error: unknown) => {
      if (isOwnError(error)) this.fail(exchange, 'overloaded')
      return undefined
    })
    if (connection && !exchange.over) this.#send(exchange, backend, connection)
    else connection?.destroy()
    return connection !== undefined
  }

  /** @returns false when there is none */
  async #openStream(exchange: Exchange, backend: Backend): Promise<boolean> {
    const session = await backend.session().catch((error: unknown) => {
      if (isOwnError(error)) this.fail(exchange, 'overloaded')
      else if (error instanceof NotHttp2) this.fail(exchange, 'not-http2')
      return undefined
    })
    if (!session || exchange.over) return session !== undefined
    const { origin, headers } = exchange.call
    clearTimeout(exchange.timer)
    if (origin.firstByte > 0 && !isGrpc(headers))
      exchange.timer = setTimeout(() => this.#late(exchange), origin.firstByte)
    const release = backend.holdStream(session)
    exchange.reply.whenClosed(release)
    try {
      exchange.attempt = new StreamAttempt(exchange, session, this)
    } catch {
      this.fail(exchange, session.destroyed || session.closed ? 'hung-up' : 'bad-request')
    }
    return true
  }

  #send(exchange: Exchange, backend: Backend, connection: Connection): void {
    const { method, address, headers, origin } = exchange.call
    exchange.hold(backend)
    clearTimeout(exchange.timer)
    if (origin.firstByte > 0) exchange.timer = setTimeout(() => this.#late(exchange), origin.firstByte)
    const head = requestHead(method, address.path, exchange.expectsContinue ? [...headers, ...expecting] : headers)
    if (head === null) {
      connection.destroy()
      this.fail(exchange, 'bad-request')
      return
    }
    const attempt = new Attempt(exchange, connection, this)
    exchange.attempt = attempt
    attempt.send(head)
  }

  /** The connection broke before an answer. Only a request that nobody has read is sent once more, on a new one. */
  broken(exchange: Exchange, connection: Connection, error: NodeJS.ErrnoException): void {
    if (exchange.over) return
    const again = exchange.repeatable && !exchange.repeated ? connection.unread(error) : Promise.resolve(false)
    void again.then((unread) => {
      connection.destroy()
      if (exchange.over) return
      if (!unread) {
        this.fail(exchange, 'hung-up')
        return
      }
      exchange.repeated = true
      void this.#dial(exchange)
    })
  }

  /** Only a request that can be repeated, as all of it is there still. */
  refused(exchange: Exchange): void {
    if (exchange.over) return
    if (!exchange.repeatable || exchange.repeated) {
      this.fail(exchange, 'hung-up')
      return
    }
    exchange.repeated = true
    void this.#dial(exchange)
  }

  /** Answers with a page, or cuts off what has begun. */
  fail(exchange: Exchange, kind: ErrorKind): void {
    const { reply, name, call } = exchange
    exchange.attempt?.abandon()
    if (faults.has(kind)) exchange.count(true)
    if (reply.begun) reply.cut()
    else reply.page(kind, subjectOf(call, name))
  }

  #late(exchange: Exchange): void {
    const { call, attempt, expectsContinue } = exchange
    if (attempt?.answered === true || exchange.over) return
    const waiting = call.body?.complete === false && !expectsContinue && attempt?.clogged !== true
    this.fail(exchange, waiting ? 'client-too-slow' : 'too-slow')
  }
}

function replyTo(call: Call, { given, shelf }: AppRules): Reply {
  const { reply, headers } = call
  const coding = given.compress ? codingFor(valueOf(headers, 'accept-encoding')) : undefined
  const compressed = coding === undefined ? reply : new CompressedReply(reply, coding)
  return shelf && isAssetCall(call, given.assets ?? []) ? new AssetReply(compressed, call, shelf) : compressed
}

/** What a page about an app mentions. @param name that it had when the request went out */
export function subjectOf(
  { origin, address, id }: Pick<Call, 'origin' | 'address' | 'id'>,
  name?: string,
): PageSubject {
  const destination = origin.find()
  const app = name ?? destination?.name
  return { host: address.host, id, own: destination?.rules, ...(app === undefined ? {} : { app }) }
}

const expecting = ['expect', '100-continue']
