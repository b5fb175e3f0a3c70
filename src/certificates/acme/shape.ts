import { BerthError } from '../../errors.js'

const no = (what: string): BerthError =>
  new BerthError('unavailable', `the CA answers with what is no answer: ${what}`, 'it is asked again later')

/** What a CA says is what it should be; each throws BerthError `unavailable` otherwise. */
export function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw no('an object is missing')
  return value as Record<string, unknown>
}

export function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > 1_000) throw no('a text is missing')
  return value
}

export function listOf(value: unknown, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw no('a list is missing, or too long')
  return value as unknown[]
}

export function timeOf(value: unknown): number {
  const ms = Date.parse(text(value))
  if (Number.isNaN(ms)) throw no('a time is missing')
  return ms
}

/** @param host the CA's own: it sends to no other */
export function checkUrl(value: unknown, host: string): string {
  const url = typeof value === 'string' && value.length < 2_000 && URL.canParse(value) ? new URL(value) : null
  if (url === null || url.protocol !== 'https:' || url.host !== host) throw no(`a URL of ${host} is missing`)
  return url.href
}
