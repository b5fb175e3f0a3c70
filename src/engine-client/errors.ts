/** The engine's answer was no: its status, and its own words as the message. */
export class EngineRefusal extends Error {
  readonly statusCode: number
  constructor(statusCode: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.statusCode = statusCode
  }
}

/** The status an engine refused with; undefined for any other error. */
export const refusalStatus = (error: unknown): number | undefined =>
  error instanceof EngineRefusal ? error.statusCode : undefined

/** Null where the engine refuses with one of these statuses. */
export async function unlessRefused<T>(answer: Promise<T>, ...statuses: readonly number[]): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (statuses.includes(refusalStatus(error) ?? 0)) return null
    throw error
  }
}

/** dockerode's error as ours: without "(HTTP code 404) no such container - " before the engine's words. */
export function translated(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (!('statusCode' in error) || typeof error.statusCode !== 'number') return error
  const words = error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim()
  return new EngineRefusal(error.statusCode, words, error)
}

const awayCodes: readonly unknown[] = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAGAIN']

/** True when the engine could not be talked to, as opposed to having said no, whatever it said; EAGAIN is a full backlog, unix(7). */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || 'statusCode' in error) return false
  return ('code' in error && awayCodes.includes(error.code)) || error.message.includes('socket hang up')
}
