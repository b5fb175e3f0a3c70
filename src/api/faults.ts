import type { Redis } from 'ioredis'
import { BerthError, seeContract, statusOf } from '../errors.js'

/** What a caller reads of an error. */
export interface FaultBody {
  readonly fault: string
  readonly message: string
  readonly hint: string | null
}

/** What express and its parsers say of a request they refuse. */
interface HttpError extends Error {
  readonly status: number
  readonly type?: string
}

const isHttpError = (error: unknown): error is HttpError =>
  error instanceof Error && 'status' in error && typeof error.status === 'number'

/**
 * Whatever was thrown, as a BerthError: what the body parser refused keeps its meaning, what fails while Redis is away is
 * `unavailable`, and the rest is `broken`, its own words kept from the caller.
 */
export function toFault(error: unknown, redis: Redis): BerthError {
  if (error instanceof BerthError) return error
  if (isHttpError(error) && error.status < 500) {
    if (error.status === 413)
      return new BerthError('large', 'the request is larger than 1 MB', 'send less at once', error)
    if (error.type === 'entity.parse.failed')
      return new BerthError('invalid', 'the request body is not JSON', seeContract, error)
    return new BerthError('invalid', error.message, undefined, error)
  }
  if (redis.status !== 'ready')
    return new BerthError(
      'unavailable',
      "Berth's store is not answering",
      'it is being restarted; try again in a moment, or see the logs of `berth serve`',
      error,
    )
  return new BerthError('broken', 'Berth failed at this request', 'the log of its api process says why', error)
}

export const statusOfFault = ({ fault }: BerthError): number => statusOf[fault]

export const bodyOfFault = ({ fault, message, hint }: BerthError): FaultBody => ({ fault, message, hint: hint ?? null })
