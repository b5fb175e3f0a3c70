import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256 } from '../config.js'
import { BerthError, messageOf, statusOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { maxHeadBytes, parseCommand } from './commands.js'
import { Receiving, type Receiver } from './receiving.js'
import { readPushOptions } from './push-options.js'
import { Relay } from './relay.js'

/** As the pusher's own list of refs, and a line for the quarantine. */
const maxBody = maxHeadBytes + 16 * 1024

/** What the hooks of hooks.ts ask. */
export const hookRoutes = ['/internal/pre-receive', '/internal/verdict'] as const

/** A request of a hook, and where its answer goes. */
interface HookExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

const same = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)))

/** Answers a request of a hook: text for the pusher, yes (204) or no (409). */
export async function answerHook(
  { store, log }: Pick<Receiver, 'store' | 'log'>,
  receiving: Receiving,
  secret: string,
  exchange: HookExchange,
): Promise<void> {
  const { request, response } = exchange
  try {
    const given = request.headers['berth-hook']
    if (request.method !== 'POST' || typeof given !== 'string' || !same(given, secret))
      throw new BerthError('denied', 'this is for git hooks only')
    const url = new URL(request.url ?? '/', 'http://berth')
    const push = url.searchParams.get('push') ?? ''
    const app = await appOf(store, url.searchParams.get('repository') ?? '')
    switch (url.pathname as (typeof hookRoutes)[number]) {
      case '/internal/verdict':
        response.writeHead((await receiving.verdict(app, push)) ? 204 : statusOf.conflict).end()
        return
      case '/internal/pre-receive':
        await preReceive(receiving, app, push, exchange)
    }
  } catch (error) {
    const fault = error instanceof BerthError ? error.fault : 'broken'
    if (fault === 'broken') log.error({ error: messageOf(error) }, 'hook')
    if (response.headersSent) response.destroy()
    else response.writeHead(statusOf[fault]).end(` !     ${messageOf(error)}\n`)
  }
}

async function preReceive(
  receiving: Receiving,
  app: App,
  push: string,
  { request, response }: HookExchange,
): Promise<void> {
  const [first = '', ...lines] = (await text(request)).split('\n').filter((line) => line !== '')
  const isOption = (line: string): boolean => line.startsWith('option ')
  const { searchParams } = new URL(request.url ?? '/', 'http://berth')
  const question = {
    push,
    sync: searchParams.get('sync'),
    quarantine: first.replace(/^objects /, ''),
    options: readPushOptions(lines.filter(isOption).map((line) => line.slice('option '.length))),
    commands: lines.filter((line) => !isOption(line)).map(parseCommand),
  }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).flushHeaders()
  // a hook that asks again has lost its pusher with the process that it asked first
  const silent = searchParams.get('again') === '1'
  const relay = new Relay(async (words) => {
    if (silent || words === '' || gone.signal.aborted || response.write(words)) return
    await once(response, 'drain', { signal: gone.signal }).catch(() => undefined) // it may never come: it has gone
  })
  await receiving.preReceive(app, question, (words) => relay.say(words), gone.signal)
  await relay.end()
  response.end()
}

async function appOf(store: Receiver['store'], repository: string): Promise<App> {
  const app = await store.apps.find(repository.replace(/\.git$/, ''))
  if (!app) throw new BerthError('missing', 'the app was destroyed')
  return app
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBody) throw new BerthError('large', 'too much for a list of refs')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}
