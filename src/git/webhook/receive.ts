import type { IncomingMessage, ServerResponse } from 'node:http'
import { BerthError, messageOf, statusOf } from '../../errors.js'
import type { Logger } from '../../log.js'
import { RateLimit } from '../../lib/rate.js'
import { Semaphore } from '../../lib/semaphore.js'
import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'
import { requestBody } from '../body.js'
import { writeSource } from '../sync/source.js'
import type { Syncing } from '../sync/syncing.js'
import { concerns, readEvent } from './event.js'
import { senderOf } from './signature.js'

export const webhookRoute = /^\/hooks\/([\w-]{1,64})$/

/** What one address may send at once, and from then on in a second: more than any host of repositories does. */
const [burst, perSecond] = [120, 2]
/** Bytes of a body: GitHub tells of 2048 commits and their files at most. */
const maxBody = 5 * 1024 * 1024
/** Bytes of bodies that are read at once, and how many; the others wait. */
const [room, mostBodies] = [4 * maxBody, 200]
/** Milliseconds that a body may be late by. */
const bodyMs = 10_000

export interface WebhookDeps {
  readonly store: Store
  readonly log: Logger
  readonly syncing: Syncing
}

interface Answer {
  readonly status: number
  readonly body: object
}

const tooMany: Answer = {
  status: 429,
  body: { fault: 'busy', message: 'too many requests come from this address', hint: 'send it again in a minute' },
}

/** Hears from hosts of repositories that something was pushed there. */
export class WebhookReceiver {
  readonly #deps: WebhookDeps
  readonly #rate = new RateLimit(burst, perSecond)
  readonly #bodies = new Semaphore(mostBodies, room)

  constructor(deps: WebhookDeps) {
    this.#deps = deps
  }

  /** Answers at once: what follows from it takes as long as it takes. */
  async serve(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const { status, body } = await this.#answer(request, id).catch((error: unknown) => this.#refusal(error))
    const text = `${JSON.stringify(body)}\n`
    response
      .writeHead(status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
        ...(status === 429 && { 'Retry-After': '60' }),
        ...(!request.complete && { Connection: 'close' }),
      })
      .end(text)
  }

  async #answer(request: IncomingMessage, id: string): Promise<Answer> {
    // before anything is looked up, let alone reckoned
    if (!this.#rate.take(addressOf(request))) return tooMany
    if (request.method !== 'POST') throw new BerthError('invalid', 'a webhook is sent by POST')
    const { store, syncing } = this.#deps
    const hook = await store.webhooks.find(id)
    if (!hook) throw new BerthError('missing', 'there is no such webhook', '`berth git:webhook` shows the URL')
    const body = await this.#body(request)
    const sender = senderOf(request.headers, body, hook.secret)
    if (sender === null)
      throw new BerthError(
        'unauthenticated',
        'the webhook is not signed with the secret of this app',
        'set the secret that `berth git:webhook --rotate` prints where the webhook is set up',
      )
    const event = readEvent(request.headers, body)
    const app = await store.apps.find(hook.app)
    if (!app) throw new BerthError('missing', 'the app was destroyed')
    if (event.kind === 'ping') return said(app, 200, 'pong')
    if (event.kind === 'other') return said(app, 202, `nothing to do for "${event.name}"`)
    const { gitSource } = app
    if (!gitSource) return said(app, 202, 'nothing to do: the app is kept from no repository')
    if (!concerns(gitSource, event)) return said(app, 202, `nothing to do: ${writeSource(gitSource)} has not moved`)
    const { id: operation } = await syncing.ask(app, { cause: sender, by: null })
    return { status: 202, body: { app: app.name, message: 'syncing', operation } }
  }

  async #body(request: IncomingMessage): Promise<Buffer> {
    const tooLarge = {
      message: 'the webhook is larger than 5 MiB',
      hint: '`berth git:sync` does what it would have done',
    }
    const weight = Number(request.headers['content-length'] ?? maxBody)
    if (weight > maxBody) throw new BerthError('large', tooLarge.message, tooLarge.hint)
    const read = async (): Promise<Buffer> => {
      const pieces: Buffer[] = []
      for await (const piece of requestBody(request, { bytes: maxBody, patienceMs: bodyMs, tooLarge }))
        pieces.push(piece)
      return Buffer.concat(pieces)
    }
    return this.#bodies.run(read, { weight })
  }

  #refusal(error: unknown): Answer {
    if (!(error instanceof BerthError)) {
      this.#deps.log.error({ error: messageOf(error) }, 'webhook failed')
      return { status: 503, body: { fault: 'unavailable', message: 'Berth cannot look this up just now' } }
    }
    const { fault, message, hint = null } = error
    return { status: statusOf[fault], body: { fault, message, hint } }
  }
}

const said = ({ name: app }: App, status: number, message: string): Answer => ({ status, body: { app, message } })

/** Whom the router had it from, by the network that one site has of IPv6. */
function addressOf({ headers, socket }: IncomingMessage): string {
  const said = headers['x-forwarded-for']
  const address = (typeof said === 'string' ? said.split(',').at(-1)?.trim() : undefined) ?? socket.remoteAddress ?? ''
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address
}
