import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { BerthError, messageOf } from '../../errors.js'
import { allOf } from '../../lib/all-of.js'
import type { Disk } from '../disk.js'
import { checkElsewhere } from '../remotes/hosts.js'
import { askElsewhere, checkScheme, type Question, type Walls } from '../remotes/http.js'
import type { Login } from '../remotes/reach.js'
import { shorten } from '../tree.js'
import { mediaType } from './batch.js'
import { hasObject, putObject } from './objects.js'
import type { CommittedPointer } from './pointers.js'
import { readAnswer, type Download } from './answer.js'

/** Objects that are asked for in one request, as git-lfs does it. */
const atOnce = 100
/** Objects that are on their way together. */
const together = 4
/** Bytes of the answer to a batch. */
const maxAnswer = 1024 * 1024

/** Where the objects of a repository elsewhere are had, and where they are kept. */
export interface LfsFetch extends Walls {
  /** What a message begins with. */
  readonly path: string
  /** How somebody sends what is not there. */
  readonly hint: string
  /** The LFS server; below it is `objects/batch`. */
  readonly url: URL
  readonly login: Login | null
  /** Of this server; apps do not see each other. */
  readonly domain: string
  /** The app's. */
  readonly repository: string
  readonly disk: Disk
  readonly signal: AbortSignal
}

/**
 * Fetches the objects that a commit's files stand for, and that are not here (Git LFS, "Batch API").
 * @returns how many
 * @throws BerthError that names the files, the server and the way out
 */
export async function fetchObjects(at: LfsFetch, pointers: readonly CommittedPointer[]): Promise<number> {
  const there = await Promise.all(pointers.map((one) => hasObject(at.repository, one)))
  const wanted = new Map(pointers.filter((_, index) => !there[index]).map((one) => [one.oid, one]))
  const left = [...wanted.values()]
  while (left.length > 0) {
    const downloads = await askFor(at, left.splice(0, atOnce))
    while (downloads.length > 0) await allOf(downloads.splice(0, together).map((one) => fetchOne(at, one)))
  }
  return wanted.size
}

/** Asks where objects are. */
async function askFor(at: LfsFetch, wanted: readonly CommittedPointer[]): Promise<Download[]> {
  const { url, path, login, signal, hint } = at
  const objects = wanted.map(({ oid, size }) => ({ oid, size }))
  const request = { operation: 'download', transfers: ['basic'], objects, hash_algo: 'sha256' }
  const headers = { Accept: mediaType, 'Content-Type': mediaType, ...authorization(login) }
  const question: Question = { method: 'POST', headers, body: JSON.stringify(request) }
  const answer = await askElsewhere(at, path, new URL(`${url.href}/objects/batch`), question, signal)
  if (answer.statusCode !== 200) throw refused(at, answer)
  const { downloads, absent } = readAnswer(await textOf(answer, at), wanted, at)
  if (absent.length > 0)
    throw new BerthError(
      'missing',
      `${path}: ${shorten(absent.map((one) => one.path))}: Git LFS keeps these files, and ${url.origin} does not have them`,
      hint,
    )
  return downloads
}

const authorization = (login: Login | null): Record<string, string> => {
  if (!login) return {}
  const basic = Buffer.from(`${login.user}:${login.password.reveal()}`).toString('base64')
  return { Authorization: `Basic ${basic}` }
}

function refused({ url, path, login, hint }: LfsFetch, answer: IncomingMessage): BerthError {
  const { statusCode = 0 } = answer
  answer.destroy()
  if (statusCode === 401 || statusCode === 403)
    return new BerthError(
      'denied',
      `${path}: ${url.href}, where its files of Git LFS are, ${login ? `refuses the password of ${login.user}` : 'wants a password'}`,
      `\`berth git:auth ${url.host} USER\`, with the password or token as its input`,
    )
  return new BerthError(
    statusCode === 404 ? 'missing' : 'unavailable',
    `${path}: ${url.href}, where its files of Git LFS should be, answers ${String(statusCode)}`,
    `lfs.url in .lfsconfig says where they are, if they are elsewhere; else ${hint}`,
  )
}

async function textOf(answer: IncomingMessage, { path, url }: LfsFetch): Promise<string> {
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    if ((bytes += chunk.length) > maxAnswer) answer.destroy(new Error('its answer is too long'))
  })
  return text(answer).catch((error: unknown) => {
    throw new BerthError('unavailable', `${path}: ${url.origin} broke off: ${messageOf(error)}`, undefined, error)
  })
}

async function fetchOne(at: LfsFetch, { pointer, href, headers, authenticated }: Download): Promise<void> {
  const path = `${at.path}: ${pointer.path}`
  checkScheme(href, at.url, path)
  checkElsewhere(at.domain, href, path)
  // its own server knows who asks; nobody else is told
  const mayLogIn = href.origin === at.url.origin && !authenticated
  const question: Question = { method: 'GET', headers: { ...(mayLogIn && authorization(at.login)), ...headers } }
  const answer = await askElsewhere(at, path, href, question, at.signal)
  if (answer.statusCode !== 200) {
    answer.destroy()
    throw new BerthError(
      answer.statusCode === 404 ? 'missing' : 'unavailable',
      `${path}: Git LFS keeps this file, and ${href.origin} answers ${String(answer.statusCode)} in its place`,
      at.hint,
    )
  }
  try {
    await putObject(at.repository, pointer, answer, at.disk)
  } catch (error) {
    if (error instanceof BerthError) throw new BerthError(error.fault, `${path}: ${error.message}`, at.hint, error)
    if (!answer.errored) throw error
    throw new BerthError('unavailable', `${path}: ${href.origin} broke off: ${messageOf(error)}`, undefined, error)
  } finally {
    answer.destroy()
  }
}
