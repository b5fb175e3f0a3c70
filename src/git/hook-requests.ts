import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256 } from '../config.js'
import { BerthError, messageOf, statusOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { parseCommand } from './commands.js'
import { Receiving, type Receiver } from './receiving.js'
import { procReceiveAnswer } from './report.js'

/** As the pusher's own list of refs, and a line for the quarantine. */
const maxBody = 80 * 1024

const same = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)))

/** Answers `POST /internal/pre-receive` and `/internal/proc-receive`: what the hooks of hooks.ts ask. */
export async function answerHook(
  { store, log }: Pick<Receiver, 'store' | 'log'>,
  receiving: Receiving,
  secret: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const given = request.headers['berth-hook']
    if (request.method !== 'POST' || typeof given !== 'string' || !same(given, secret))
      throw new BerthError('denied', 'this is for git hooks only')
    const url = new URL(request.url ?? '/', 'http://berth')
    const push = url.searchParams.get('push') ?? ''
    const app = await appOf(store, url.searchParams.get('repository') ?? '')
    if (url.pathname === '/internal/proc-receive') {
      response.end(procReceiveAnswer(await receiving.procReceive(app, push)))
      return
    }
    const [first = '', ...lines] = (await text(request)).split('\n').filter((line) => line !== '')
    const question = { push, quarantine: first.replace(/^objects /, ''), commands: lines.map(parseCommand) }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).flushHeaders()
    const tell = teller(response, url.searchParams.get('again') === '1')
    const accepted = await receiving.preReceive(app, question, tell.say, gone.signal)
    if (accepted === null) return
    response.end(`${tell.rest()}=${accepted ? '0' : '1'}\n`)
  } catch (error) {
    const fault = error instanceof BerthError ? error.fault : 'broken'
    if (fault === 'broken') log.error({ error: messageOf(error) }, 'hook')
    if (response.headersSent) response.destroy()
    else response.writeHead(statusOf[fault]).end(`${messageOf(error)}\n`)
  }
}

/** Text as lines for the hook, `.` before each; a silent one swallows it all. */
function teller(response: ServerResponse, silent: boolean): { say: (text: string) => void; rest: () => string } {
  let partial = ''
  return {
    say: (piece) => {
      if (silent) return
      const lines = (partial + piece).split('\n')
      partial = lines.pop() ?? ''
      if (lines.length > 0) response.write(lines.map((line) => `.${line}\n`).join(''))
    },
    rest: () => (partial === '' ? '' : `.${partial}\n`),
  }
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
