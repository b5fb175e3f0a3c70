import { BerthError } from '../../errors.js'
import { isRecord, parseObject } from './batch.js'
import type { CommittedPointer } from './pointers.js'

/** Headers of one object; more, or longer ones, nobody sends. */
const maxHeaders = 20
/** What decides where a message ends, or whom it is for. */
const framing = /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|accept-encoding)$/i

/** Where an object is had. */
export interface Download {
  readonly pointer: CommittedPointer
  readonly href: URL
  readonly headers: Readonly<Record<string, string>>
  /** The headers are all that it takes. */
  readonly authenticated: boolean
}

/**
 * Reads what an LFS server says of objects that were asked for.
 * @returns where they are, and those that it does not have
 * @throws BerthError `unavailable` for an answer that makes no sense
 */
export function readAnswer(
  text: string,
  wanted: readonly CommittedPointer[],
  { path, url }: { readonly path: string; readonly url: URL },
): { readonly downloads: Download[]; readonly absent: CommittedPointer[] } {
  const answer = parse(text)
  const objects = isRecord(answer) ? answer.objects : undefined
  if (!isRecord(answer) || !Array.isArray(objects) || (answer.transfer ?? 'basic') !== 'basic')
    throw new BerthError('unavailable', `${path}: what ${url.href} answers is none of Git LFS`)
  const said = new Map(objects.flatMap((one) => (isRecord(one) ? [[one.oid, one] as const] : [])))
  const downloads: Download[] = []
  const absent: CommittedPointer[] = []
  for (const pointer of wanted) {
    const object = said.get(pointer.oid)
    const download = object === undefined ? null : downloadOf(object, pointer, url)
    if (download) downloads.push(download)
    else absent.push(pointer)
  }
  return { downloads, absent }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function downloadOf(object: Record<string, unknown>, pointer: CommittedPointer, url: URL): Download | null {
  const { actions, authenticated } = object
  const action = isRecord(actions) ? actions.download : undefined
  if (!isRecord(action) || parseObject(object)?.size !== pointer.size) return null
  const { href, header = {} } = action
  if (typeof href !== 'string' || !URL.canParse(href, url.href) || !isRecord(header)) return null
  const headers = Object.entries(header).filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' &&
      /^[\w-]{1,100}$/.test(entry[0]) &&
      /^[\x20-\x7e]{0,8192}$/.test(entry[1]) &&
      !framing.test(entry[0]),
  )
  return {
    pointer,
    href: new URL(href, url.href),
    headers: Object.fromEntries(headers.slice(0, maxHeaders)),
    authenticated: authenticated === true,
  }
}
