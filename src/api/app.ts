import express, { type Express, type NextFunction, type Request, type Response, type Router } from 'express'
import { authenticate, bearerOf } from '../access/authenticate.js'
import { anonymous, demand, type Caller } from '../access/caller.js'
import { BerthError, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { version } from '../version.js'
import type { Logger } from '../log.js'
import { contract } from './contract.js'
import { bodyOfFault, statusOfFault, toFault } from './faults.js'
import { callerUrl } from './caller-url.js'
import type { HandlerContext, Handlers } from './handler.js'
import type { LineStream, ApiEndpoint } from './endpoint.js'
import type { ControlApiDeps } from './platform.js'
import { routes, splitRoute, versionHeader } from './routes.js'
import { sendArchive, sendLines, sendText } from './stream.js'
import { submitChange } from './submit.js'
import { validate } from './validate.js'

/** Bytes of a request body: `config:set` of 100 kB fits well, a flood does not. */
const bodyLimit = 1024 * 1024

type AnyHandler = (request: Record<string, unknown>, context: HandlerContext) => Promise<unknown>

/** An endpoint with its place and its handler. */
interface Mounted {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  readonly path: string
  readonly endpoint: ApiEndpoint
  readonly handle: AnyHandler
}

/** The handler of an endpoint that has none, since all it does is to submit a change. */
function submitter(platform: ControlApiDeps, { submits }: ApiEndpoint): AnyHandler | undefined {
  if (!submits) return undefined
  return async (request, { app, caller }) => {
    if (app === null) throw new Error('only an app can be changed')
    return submitChange(platform, app, submits(request as never), caller)
  }
}

/** Every endpoint of the contract that is answered over plain HTTP. */
const mountAll = (platform: ControlApiDeps, handlers: Handlers): Mounted[] =>
  Object.entries(routes).flatMap(([resource, operations]) =>
    Object.entries(operations).flatMap(([name, route]: [string, string]) => {
      const endpoint = (contract as unknown as Record<string, Record<string, ApiEndpoint>>)[resource]?.[name]
      if (endpoint === undefined || endpoint.stream === 'socket') return []
      const own = (handlers as unknown as Record<string, Record<string, AnyHandler>>)[resource]?.[name]
      const handle = own ?? submitter(platform, endpoint)
      if (handle === undefined) return []
      const { method, path } = splitRoute(route)
      return [{ method: method.toLowerCase() as Mounted['method'], path, endpoint, handle }]
    }),
  )

/** The app that a request is about, by its own name or by an operation of it. @throws BerthError `missing` */
async function appOf({ store }: ControlApiDeps, { app, operation }: Record<string, unknown>): Promise<App | null> {
  if (typeof app === 'string') return store.apps.get(app)
  if (typeof operation === 'string') return store.apps.find((await store.operations.get(operation)).app)
  return null
}

async function answer(mounted: Mounted, platform: ControlApiDeps, request: Request, response: Response): Promise<void> {
  const { endpoint, handle } = mounted
  const input = validate(endpoint, {
    params: request.params,
    query: request.query,
    body: endpoint.takes ? undefined : (request.body as unknown),
  })
  const left = new AbortController()
  response.once('close', () => left.abort())
  const caller = (response.locals.caller ?? anonymous) as Caller
  const app = await appOf(platform, input)
  if (endpoint.needs !== 'nothing') demand(caller, endpoint.needs, app)
  const serve = async (): Promise<void> => {
    const signal = AbortSignal.any([left.signal, platform.closing])
    const url = callerUrl(platform.config, request.headers)
    const reply = await handle(input, { app, caller, signal, url, archive: request })
    if (endpoint.stream === 'lines')
      await sendLines(response, reply as LineStream<unknown, unknown>, (error) => toFault(error, platform.store.redis))
    else if (endpoint.stream === 'text') await sendText(response, reply as AsyncIterable<string>)
    else if (endpoint.stream === 'archive') await sendArchive(response, reply as AsyncGenerator<Buffer>)
    else response.status(endpoint.status ?? 200).json(reply)
  }
  const isLong = endpoint.stream !== undefined || endpoint.takes !== undefined
  if (!isLong || caller.token === null) return serve()
  return platform.grants.during(caller.token, () => response.destroy(), serve)
}

/** The control API as an express application: tokens, validation, handlers, and every error as `{fault, message, hint}`. */
export function createApp(platform: ControlApiDeps, handlers: Handlers, log: Logger): Express {
  const app = express().disable('x-powered-by').disable('etag').set('query parser', 'simple')
  app.use('/api', (_request, response, next) => {
    response.set(versionHeader, version)
    next()
  })
  app.use('/api', apiRouter(platform, handlers))
  app.get('/', ({ headers }, response) => {
    response.type('text/plain').send(welcome(callerUrl(platform.config, headers)))
  })
  app.use((request) => {
    throw new BerthError(
      'missing',
      `there is nothing at ${request.path.slice(0, 200)}`,
      'the control API is at /api, apps at their own hostnames',
    )
  })
  // express tells an error handler by its four parameters
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const fault = toFault(error, platform.store.redis)
    if (fault.fault === 'broken')
      log.error({ method: request.method, path: request.path, error: messageOf(error) }, 'request failed')
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (fault.fault === 'unauthenticated') response.set('WWW-Authenticate', 'Bearer realm="berth"')
    // the rest of a body nobody read would be taken for the next request
    if (!request.complete) response.set('Connection', 'close')
    response.status(statusOfFault(fault)).json(bodyOfFault(fault))
  })
  return app
}

const welcome = (url: string): string => `This is Berth ${version}, which runs apps on this server.

Create one:  berth apps:create NAME, then git push berth main
Control API: ${url}/api, described in /api/openapi.json
`

function apiRouter(platform: ControlApiDeps, handlers: Handlers): Router {
  const api = express.Router({ caseSensitive: true, strict: true })
  const guard = async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    response.locals.caller = await authenticate(platform.store.tokens, bearerOf(request.headers.authorization))
    response.set('Cache-Control', 'no-store')
    next()
  }
  // as a command line asks that is older than the word
  api.use((request, _response, next) => {
    request.url = request.url.replace(/^\/deploys\//, '/operations/')
    next()
  })
  // a token is asked for before a body is read
  const parse = express.json({ limit: bodyLimit, type: () => true, strict: false })

  for (const mounted of mountAll(platform, handlers)) {
    const { needs, takes } = mounted.endpoint
    const before = needs === 'nothing' ? [] : takes ? [guard] : [guard, parse]
    api[mounted.method](mounted.path, ...before, (request, response) => answer(mounted, platform, request, response))
  }
  api.get('/openapi.json', guard, async ({ headers }, response) => {
    const { openapi } = await import('./openapi.js')
    response.json(openapi(callerUrl(platform.config, headers)))
  })
  api.use(guard, (request) => {
    throw new BerthError(
      'missing',
      `there is no ${request.method} ${request.originalUrl.slice(0, 200)}`,
      'see /api/openapi.json',
    )
  })
  return api
}
