import { BerthError } from '../../errors.js'
import type { LfsObject } from './objects.js'

/** Of what is asked and answered. */
export const mediaType = 'application/vnd.git-lfs+json'

/** Objects in one request; git-lfs sends 100 (lfs.transfer.batchSize). */
const mostObjects = 1000

/** What a client wants to do with objects (Git LFS, "Batch API"). */
export interface BatchRequest {
  readonly operation: 'upload' | 'download'
  readonly objects: readonly LfsObject[]
}

/** What a client does next with one object: nothing, where it was to be sent and is there. */
interface ObjectAnswer extends LfsObject {
  readonly authenticated?: true
  readonly actions?: Readonly<Record<string, { readonly href: string; readonly header: Record<string, string> }>>
  readonly error?: { readonly code: number; readonly message: string }
}

export interface BatchAnswer {
  readonly transfer: 'basic'
  readonly hash_algo: 'sha256'
  readonly objects: readonly ObjectAnswer[]
}

/** What an answer is made of. */
export interface BatchContext {
  /** The address of an object. */
  readonly hrefOf: (object: LfsObject) => string
  /** Sent with what comes next. */
  readonly header: Record<string, string>
  readonly has: (object: LfsObject) => Promise<boolean>
}

/** Whether a value of JSON is an object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object as a client names it; null when it makes no sense. */
export function parseObject(value: unknown): LfsObject | null {
  if (!isRecord(value)) return null
  const { oid, size } = value
  if (typeof oid !== 'string' || !/^[0-9a-f]{64}$/.test(oid)) return null
  return Number.isSafeInteger(size) && (size as number) >= 0 ? { oid, size: size as number } : null
}

/** @throws BerthError `invalid` for what is none, `large` for too many objects at once */
export function parseBatch(text: string): BatchRequest {
  const request = parseJson(text)
  const { operation, objects, transfers = [], hash_algo: algorithm = 'sha256' } = isRecord(request) ? request : {}
  if (operation !== 'upload' && operation !== 'download')
    throw new BerthError('invalid', 'the operation of an LFS batch is upload or download')
  if (algorithm !== 'sha256') throw new BerthError('invalid', 'LFS objects are known by sha256 here')
  if (!Array.isArray(transfers) || (transfers.length > 0 && !transfers.includes('basic')))
    throw new BerthError('invalid', 'the basic transfer of LFS is the one there is here')
  if (!Array.isArray(objects) || objects.length === 0)
    throw new BerthError('invalid', 'an LFS batch names at least one object')
  if (objects.length > mostObjects)
    throw new BerthError(
      'large',
      `an LFS batch names ${String(mostObjects)} objects at most`,
      'git config lfs.transfer.batchSize 100',
    )
  const parsed = objects.map(parseObject)
  const wrong = parsed.indexOf(null)
  if (wrong >= 0)
    throw new BerthError('invalid', `objects[${String(wrong)}] has no SHA-256 in lower case, or no size in bytes`)
  return { operation, objects: parsed.filter((object) => object !== null) }
}

/** @throws BerthError `invalid` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BerthError('invalid', 'what LFS asked is not JSON')
  }
}

/** Tells a client what to send, or where to fetch it. */
export async function answerBatch({ operation, objects }: BatchRequest, context: BatchContext): Promise<BatchAnswer> {
  const answered = objects.map(async ({ oid, size }): Promise<ObjectAnswer> => {
    const there = await context.has({ oid, size })
    if (operation === 'upload' && there) return { oid, size }
    if (operation === 'download' && !there)
      return { oid, size, error: { code: 404, message: 'it was never sent here: git lfs push --all REMOTE' } }
    const action = { href: context.hrefOf({ oid, size }), header: context.header }
    return { oid, size, authenticated: true, actions: { [operation]: action } }
  })
  return { transfer: 'basic', hash_algo: 'sha256', objects: await Promise.all(answered) }
}
