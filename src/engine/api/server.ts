import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { connect, Socket } from 'node:net'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { codeOf, EngineError } from '../errors.js'
import { askedForUpgrade, offerUpgrades, takeOver, type Taken } from './hijack.js'
import { demandJson, parseBody, readBody, takeBody } from './body.js'
import { hangUp } from './hang-up.js'
import { replyOn, replyWithError, setStandardHeaders } from './reply.js'
import { decode } from '../system/shape.js'
import type { ApiRoute } from './route.js'
import { RouteTable, targetOf } from './table.js'

async function dispatch(
  table: RouteTable,
  request: IncomingMessage,
  response: ServerResponse,
  upgrade?: Taken,
): Promise<void> {
  const left = new AbortController()
  let taken = upgrade
  let asked: number | undefined
  setStandardHeaders(response)
  try {
    const url = new URL(request.url ?? '/', 'http://engine')
    const { path, version } = targetOf(url.pathname)
    asked = version
    const { route, params } = table.find(request.method ?? 'GET', path)
    if (route.hijacks === true) taken ??= await takeOver(request, response)
    ;(taken?.socket ?? response).once('close', () => left.abort())
    const reply = replyOn(request, response, taken)
    let body: Promise<Buffer> | Buffer | undefined
    await route.handle(
      {
        raw: request,
        params,
        query: url.searchParams,
        version,
        signal: left.signal,
        json: async (shape) => {
          const bytes = await (body ??= taken?.body ?? readBody(request))
          if (bytes.length === 0 && route.bodiless !== true)
            throw new EngineError('invalid', 'invalid JSON: got EOF while reading request body')
          if (bytes.length > 0 && route.anyType !== true) demandJson(request)
          return decode(parseBody(bytes), shape)
        },
      },
      reply,
    )
  } catch (error) {
    if (taken && response.socket === null) taken.socket.destroy()
    else replyWithError(response, error, asked)
  }
}

/** An Upgrade request reaches no request listener: its socket comes raw, its body not yet taken off. */
async function dispatchUpgrade(
  table: RouteTable,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  socket.on('error', () => socket.destroy())
  const response = new ServerResponse(request)
  // dockerd's: clients of 20.10 read past the status of an answer that says `close`
  response.setHeader('Connection', 'keep-alive')
  response.assignSocket(socket)
  response.once('finish', () => socket.end())
  try {
    await dispatch(table, request, response, {
      socket,
      body: await takeBody(request, socket, head),
      upgrade: askedForUpgrade(request),
    })
  } catch (error) {
    replyWithError(response, error)
  }
}

/** @throws EngineError `conflict` when another engine answers on the socket */
async function claim(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  if (Buffer.byteLength(path) > 107)
    throw new EngineError('invalid', `the socket path ${path} is longer than 107 bytes`)
  const probe = connect(path)
  // an error is what `once` rejects with
  const alive = await once(probe, 'connect').then(
    () => true,
    (error: unknown) => !['ECONNREFUSED', 'ENOENT'].includes(codeOf(error) ?? ''),
  )
  probe.destroy()
  if (alive) throw new EngineError('conflict', `another engine is serving ${path}`)
  await rm(path, { force: true })
}

/**
 * Serves the Docker Engine API on a unix socket, mode 0660.
 * @throws EngineError `conflict` when the socket is in use
 */
export async function serveApi(path: string, routes: readonly ApiRoute[]): Promise<Server> {
  const table = new RouteTable(routes)
  await claim(path)
  const server = createServer({
    maxHeaderSize: 1 << 22, // X-Build-Env holds all of an app's config vars
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: 0,
  })
  // Node calls this after the last answer, which may come before the end of what is sent
  server.on('connection', (socket: Socket) => (socket.destroySoon = () => hangUp(socket)))
  server.on('request', (request, response) => void dispatch(table, request, response))
  server.on('upgrade', (request, socket, head) => {
    if (socket instanceof Socket) void dispatchUpgrade(table, request, socket, head)
  })
  offerUpgrades(server)
  server.listen(path)
  await once(server, 'listening')
  await chmod(path, 0o660)
  return server
}
