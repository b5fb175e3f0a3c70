import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { BerthError, messageOf, statusOf } from '../../errors.js'
import type { Logger } from '../../log.js'
import { discard, requestBody } from '../body.js'
import type { Disk } from '../disk.js'
import { inMebibytes } from '../explain.js'
import { answerBatch, mediaType, parseBatch, parseJson, parseObject } from './batch.js'
import { hasObject, objectFile, putObject, type LfsObject } from './objects.js'

/** Bytes of a batch. */
const maxBatch = 1024 * 1024

/** A request below `<app>.git/info/lfs/`. */
export interface LfsRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The app's name. */
  readonly name: string
  /** What stands after `info/lfs/`. */
  readonly action: string
}

export interface LfsServerDeps {
  /** Lets the caller in, and says where the app's repository is. @throws BerthError when the caller may not */
  readonly admit: (request: IncomingMessage, name: string, needs: 'view' | 'deploy') => Promise<string>
  readonly disk: Disk
  /** @throws BerthError `large` where an app, by its name, may not take so many bytes more */
  readonly demandRoom?: (name: string, bytes: number) => Promise<void>
  readonly log: Logger
  /** Bytes of one object. */
  readonly maxObject: number
  /** How long a client may be silent, in all. Milliseconds. */
  readonly patienceMs: number
}

/** What the routes are; the size is in the address so that no length that an upload claims has to be believed. */
const routes = [
  { method: 'POST', path: /^objects\/batch$/, run: batch },
  { method: 'PUT', path: /^objects\/([0-9a-f]{64})\/(\d{1,15})$/, run: upload },
  { method: 'GET', path: /^objects\/([0-9a-f]{64})\/(\d{1,15})$/, run: download },
  { method: 'POST', path: /^verify$/, run: verify },
] as const

/**
 * The LFS half of the git server (Git LFS, "Batch API" and "Basic Transfer API"): objects go into the app's repository, and come
 * out of it. There are no locks: 501 makes git-lfs go on without.
 */
export async function serveLfs(deps: LfsServerDeps, asked: LfsRequest): Promise<void> {
  const { request, response, action } = asked
  try {
    const known = routes.filter((route) => route.path.test(action))
    const found = known.find((route) => route.method === request.method)
    if (known.length === 0) {
      await deps.admit(request, asked.name, 'view')
      answer(response, 501, { message: 'Berth keeps no LFS locks' })
    } else if (!found) throw new BerthError('invalid', `git-lfs sends no ${request.method ?? ''} there`)
    else await found.run(deps, asked, found.path.exec(action) ?? [])
  } catch (error) {
    refuse(deps, response, error)
  }
  // who is still sending would not read the answer if the connection were closed
  await discard(request)
  response.end()
}

async function batch(deps: LfsServerDeps, { request, response, name }: LfsRequest): Promise<void> {
  // who may not even look must not learn what makes sense here
  const seen = await deps.admit(request, name, 'view')
  const asked = parseBatch(await bodyText(deps, request))
  const repository = asked.operation === 'upload' ? await deps.admit(request, name, 'deploy') : seen
  if (asked.operation === 'upload') await demandRoom(deps, name, repository, asked.objects)
  const { headers } = request
  const { authorization } = headers
  const base = `${header(headers['x-forwarded-proto']) ?? 'http'}://${header(headers['x-forwarded-host']) ?? headers.host ?? ''}`
  const answered = await answerBatch(asked, {
    hrefOf: ({ oid, size }) => `${base}/${name}.git/info/lfs/objects/${oid}/${String(size)}`,
    header: authorization === undefined ? {} : { Authorization: authorization },
    has: (object) => hasObject(repository, object),
  })
  answer(response, 200, answered)
}

/** Before the first of them is sent. */
async function demandRoom(deps: LfsServerDeps, name: string, repository: string, objects: readonly LfsObject[]) {
  if (!deps.demandRoom) return
  const has = await Promise.all(objects.map((object) => hasObject(repository, object)))
  const bytes = objects.reduce((sum, { size }, at) => (has[at] ? sum : sum + size), 0)
  if (bytes > 0) await deps.demandRoom(name, bytes)
}

async function upload(deps: LfsServerDeps, { request, response, name }: LfsRequest, match: string[]): Promise<void> {
  const repository = await deps.admit(request, name, 'deploy')
  const object = objectOf(match)
  if (object.size > deps.maxObject)
    throw new BerthError(
      'large',
      `the LFS object ${object.oid} is larger than ${inMebibytes(deps.maxObject)}`,
      'keep it elsewhere, or raise BERTH_PUSH_TREE on the server',
    )
  if (!(await hasObject(repository, object))) {
    await deps.demandRoom?.(name, object.size)
    const tooLarge = { message: `the LFS object ${object.oid} has more bytes than it should`, hint: 'push again' }
    const body = requestBody(request, { bytes: object.size, patienceMs: deps.patienceMs, tooLarge })
    await putObject(repository, object, body, deps.disk)
  }
  answer(response, 200, {})
}

async function download(deps: LfsServerDeps, { request, response, name }: LfsRequest, match: string[]): Promise<void> {
  const repository = await deps.admit(request, name, 'view')
  const object = objectOf(match)
  if (!(await hasObject(repository, object))) throw new BerthError('missing', `there is no LFS object ${object.oid}`)
  const file = objectFile(repository, object.oid)
  const start = rangeStart(request.headers.range, object.size)
  const partial = start > 0
  response.writeHead(partial ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': object.size - start,
    ...(partial && {
      'Content-Range': `bytes ${String(start)}-${String(object.size - 1)}/${String(object.size)}`,
    }),
  })
  await pipeline(createReadStream(file, { start }), response).catch((error: unknown) => {
    deps.log.info({ app: name, error: messageOf(error) }, 'LFS download broken off')
    response.destroy()
  })
}

async function verify(deps: LfsServerDeps, { request, response, name }: LfsRequest): Promise<void> {
  const repository = await deps.admit(request, name, 'view')
  const object = parseObject(parseJson(await bodyText(deps, request)))
  if (!object) throw new BerthError('invalid', 'an LFS object has an oid and a size')
  if (!(await hasObject(repository, object))) throw new BerthError('missing', `there is no LFS object ${object.oid}`)
  answer(response, 200, {})
}

/** Where to go on: git-lfs asks for `bytes=N-` or `bytes=N-LAST` only. Anything else gets all of it. */
function rangeStart(range: string | undefined, size: number): number {
  const [, from = '', to = ''] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range ?? '') ?? []
  const whole = to === '' || Number(to) === size - 1
  return whole && Number(from) < size ? Number(from) : 0
}

const objectOf = ([, oid = '', size = '']: string[]): LfsObject => ({ oid, size: Number(size) })

const header = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

async function bodyText(deps: LfsServerDeps, request: IncomingMessage): Promise<string> {
  const tooLarge = { message: 'the LFS batch is too large', hint: 'git config lfs.transfer.batchSize 100' }
  const pieces: Buffer[] = []
  for await (const piece of requestBody(request, { bytes: maxBatch, patienceMs: deps.patienceMs, tooLarge }))
    pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** git-lfs shows its user the message. */
function refuse({ log }: LfsServerDeps, response: ServerResponse, error: unknown): void {
  const known = error instanceof BerthError
  if (!known) log.error({ error: messageOf(error) }, 'LFS request failed')
  if (response.headersSent) return
  // git-lfs repeats a 400 as if it were a fault of the line
  const status = known ? (error.fault === 'invalid' ? 422 : statusOf[error.fault]) : 503
  const words = known ? [error.message, error.hint] : ['Berth cannot look this up just now', 'try again in a moment']
  if (status === 401) {
    response.setHeader('WWW-Authenticate', 'Basic realm="Berth", charset="UTF-8"')
    response.setHeader('LFS-Authenticate', 'Basic realm="Berth"')
  }
  response.setHeader('Connection', 'close')
  answer(response, status, { message: words.filter((line) => line !== undefined).join(': ') })
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': mediaType })
  response.write(JSON.stringify(body))
}
