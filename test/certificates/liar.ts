import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Authority, type Issued } from './authority.js'

/** What a CA answers: a status, headers, and a body (an object is sent as JSON). */
export interface Said {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

type Answer = (call: {
  body: string
  payload: Record<string, unknown>
  times: number
}) => Said | null | Promise<Said | null>

/** A CA that believes everything, and says what a test has it say: `null` is silence. */
export interface Liar extends AsyncDisposable {
  readonly directory: string
  readonly url: string
  readonly ca: string
  readonly authority: Authority
  readonly root: Issued
  /** Path -> how often it was asked for. */
  readonly asked: Map<string, number>
  readonly agents: Set<string | undefined>
  /** Puts another answer in the place of its usual one. */
  say(path: string, answer: Answer): void
}

/** What such CAs have in common: keys take their time. */
export interface LiarKeys extends AsyncDisposable {
  readonly authority: Authority
  readonly own: Issued
  readonly root: Issued
}

export async function makeLiarKeys(): Promise<LiarKeys> {
  const authority = await Authority.open()
  return {
    authority,
    own: await authority.issue(null, { names: ['localhost'], authority: true }),
    root: await authority.issue(null, { subject: '/CN=Liar', authority: true }),
    [Symbol.asyncDispose]: () => authority[Symbol.asyncDispose](),
  }
}

export async function startLiar({ authority, own, root }: LiarKeys): Promise<Liar> {
  const asked = new Map<string, number>()
  const agents = new Set<string | undefined>()
  const answers = new Map<string, Answer>()
  let request = Buffer.alloc(0)
  const serve = async (call: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = call.url ?? ''
    const times = (asked.get(path) ?? 0) + 1
    asked.set(path, times)
    if (path === '/new') request = Buffer.alloc(0)
    agents.add(call.headers['user-agent'])
    const body = await text(call)
    const { payload = '' } = (body === '' ? {} : JSON.parse(body)) as { payload?: string }
    const given =
      payload === '' ? {} : (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>)
    const answer: Answer = answers.get(path) ?? (() => ({ status: 404 }))
    const said = await answer({ body, payload: given, times })
    if (said === null) return
    const isText = typeof said.body === 'string'
    response.writeHead(said.status ?? 200, { 'Replay-Nonce': `n${String(Math.random()).slice(2)}`, ...said.headers })
    response.end(isText ? said.body : JSON.stringify(said.body ?? {}))
  }
  const server = createServer({ cert: own.cert, key: own.key }, (call, response) => {
    serve(call, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `https://localhost:${String((server.address() as AddressInfo).port)}`
  const order = (status: string) => ({ status, authorizations: [`${url}/authz`], finalize: `${url}/finalize` })
  const usual: Record<string, Answer> = {
    '/dir': () => ({ body: { newNonce: `${url}/nonce`, newAccount: `${url}/account`, newOrder: `${url}/new` } }),
    '/nonce': () => ({}),
    '/account': () => ({ status: 201, headers: { location: `${url}/me` } }),
    '/new': () => ({ status: 201, headers: { location: `${url}/order` }, body: order('pending') }),
    '/order': () => ({
      body:
        request.length > 0
          ? { ...order('valid'), certificate: `${url}/cert` }
          : order(asked.has('/challenge') ? 'ready' : 'pending'),
    }),
    '/authz': () => ({
      body: {
        status: asked.has('/challenge') ? 'valid' : 'pending',
        identifier: { type: 'dns', value: 'x' },
        challenges: [
          { type: 'odd-01', url: `${url}/odd`, status: 'pending' },
          { type: 'http-01', url: `${url}/challenge`, status: 'pending', token: 'tok' },
        ],
      },
    }),
    '/challenge': () => ({}),
    '/finalize': ({ payload }) => {
      request = Buffer.from(payload.csr as string, 'base64url')
      return { body: order('processing') }
    },
    '/cert': async () => ({ body: (await authority.sign(root, request, ['a.example.org'])) + root.cert }),
  }
  for (const [path, answer] of Object.entries(usual)) answers.set(path, answer)
  return {
    ...{ directory: `${url}/dir`, url, ca: own.cert, authority, root, asked, agents },
    say: (path, answer) => void answers.set(path, answer),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
