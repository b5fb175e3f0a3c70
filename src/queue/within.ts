import { deadline } from '../lib/deadline.js'
import { formatDuration } from '../lib/duration.js'
import { BerthError } from '../errors.js'

/** What has been told to end is waited for this long, so that it can clean up. Milliseconds. */
const defaultHeedMs = 10_000

/** How long something may take. */
export interface Limit {
  /** `the build` */
  readonly what: string
  readonly ms: number
  /** The setting that changes it. */
  readonly setting: string
  readonly heedMs?: number
}

/**
 * Runs a task whose signal aborts with `signal`, or when its time is over. One that does not heed it is waited for no
 * more: nothing may hold up what comes after it.
 * @throws BerthError `invalid` when it took too long; the signal's reason
 */
export async function within<T>(
  { what, ms, setting, heedMs = defaultHeedMs }: Limit,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  using late = deadline(ms, signal)
  let patience: NodeJS.Timeout | undefined
  const abandoned = new Promise<never>((_, reject) => {
    const begin = () => {
      patience = setTimeout(() => reject(late.signal.reason as Error), heedMs)
    }
    late.signal.addEventListener('abort', begin, { once: true })
  })
  try {
    return await Promise.race([task(late.signal), abandoned])
  } catch (error) {
    if (!late.signal.aborted || signal.aborted) throw error
    throw new BerthError(
      'invalid',
      `${what} took longer than ${formatDuration(ms)} and was ended`,
      `${setting} in berth.env is how long it may take`,
      error,
    )
  } finally {
    clearTimeout(patience)
  }
}
