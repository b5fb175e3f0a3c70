import { createWriteStream } from 'node:fs'
import { utimes } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError, messageOf } from '../errors.js'
import type { Outlet } from '../system/dial.js'
import { get } from './outlet.js'

/** Whether a text names a file by http. */
export const isUrl = (text: string): boolean => /^https?:\/\/[^/\s]/.test(text)

/** The last name of a URL's path; undefined when it has none. */
export function fileNameOf(url: string): string | undefined {
  const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '')
  return name === '' || name === '.' || name === '..' || /[/\0]/.test(name) ? undefined : name
}

/** What a URL leads to, as it comes. */
export interface Opened {
  readonly body: Readable
  /** Seconds of the epoch, as its server has it; 0 when it does not say. */
  readonly modified: number
}

/**
 * Begins to fetch a URL; redirects are followed.
 * @throws EngineError `invalid` with the status or what went wrong on the way
 */
export async function openUrl(url: string, outlet: Outlet, signal: AbortSignal): Promise<Opened> {
  try {
    const body = await get(url, outlet, signal)
    const { statusCode = 0, statusMessage = '', headers } = body
    if (statusCode < 200 || statusCode > 299) {
      body.destroy()
      throw new EngineError('invalid', `failed to GET ${url} with status ${String(statusCode)} ${statusMessage}`)
    }
    const modified = Date.parse(headers['last-modified'] ?? '')
    return { body, modified: Number.isNaN(modified) ? 0 : modified / 1000 }
  } catch (error) {
    throw asFault(url, error, signal)
  }
}

/** Fetches a URL into a file, mode 0600, with the time its server gives it. @throws EngineError as `openUrl` */
export async function download(url: string, path: string, outlet: Outlet, signal: AbortSignal): Promise<void> {
  const { body, modified } = await openUrl(url, outlet, signal)
  try {
    await pipeline(body, createWriteStream(path, { mode: 0o600 }), { signal })
    await utimes(path, modified, modified)
  } catch (error) {
    throw asFault(url, error, signal)
  }
}

function asFault(url: string, error: unknown, signal: AbortSignal): unknown {
  signal.throwIfAborted()
  if (error instanceof EngineError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new EngineError('invalid', `failed to GET ${url}: ${messageOf(cause)}`, error)
}
