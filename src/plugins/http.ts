import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '../errors.js'
import { deadline } from '../lib/deadline.js'

/** Bytes of an answer. */
const mostBytes = 2 * 1024 * 1024

/** How often one that is busy is asked, and ms of the longest wait between two times. */
const [mostAttempts, longestWait] = [7, 30_000]

/** A request, made anew for each attempt: signatures have a time. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export interface HttpOptions {
  /** What is asked, for messages: `Cloudflare`. */
  readonly what: string
  readonly signal: AbortSignal
  /** ms for one answer; default 20 s. */
  readonly patience?: number
  /** Whether an answer says to come again; 429 and 503 do anyhow. */
  readonly isBusy?: (answer: HttpAnswer) => boolean
}

/**
 * Asks over HTTP, and again for a while where the answer is to come again later (429, 503, `Retry-After`). Follows no redirect, and reads
 * 2 MiB at most.
 * @throws BerthError `unavailable` where there is no answer
 */
export async function askHttp(make: () => HttpRequest, options: HttpOptions): Promise<HttpAnswer> {
  const { signal, isBusy = () => false } = options
  for (let attempt = 1; ; attempt += 1) {
    const { answer, again } = await askOnce(make(), options)
    const busy = answer.status === 429 || answer.status === 503 || isBusy(answer)
    if (!busy || attempt === mostAttempts) return answer
    const pause = Math.min(again ?? 200 * 2 ** attempt * (0.75 + Math.random() / 2), longestWait)
    await sleep(pause, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) throw signal.reason
  }
}

async function askOnce(
  { url, ...init }: HttpRequest,
  { what, signal, patience = 20_000 }: HttpOptions,
): Promise<{ readonly answer: HttpAnswer; readonly again: number | null }> {
  signal.throwIfAborted()
  using late = deadline(patience, signal)
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: late.signal })
    const text = await readAll(response)
    return { answer: { status: response.status, text }, again: waitOf(response.headers.get('retry-after')) }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof BerthError) throw error
    const { cause } = error as { cause?: unknown }
    const why = late.signal.aborted ? 'does not answer' : `cannot be asked: ${messageOf(cause ?? error)}`
    throw new BerthError('unavailable', `${what} ${why}`, undefined, error)
  }
}

/** ms; null where it does not say (RFC 9110 §10.2.3). */
function waitOf(text: string | null): number | null {
  if (text === null) return null
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}

/** What JSON says; null where it is none: whoever answers so is not who was asked. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

async function readAll(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new BerthError('unavailable', `an answer has more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
