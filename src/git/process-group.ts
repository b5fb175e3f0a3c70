import type { ChildProcess } from 'node:child_process'

/** Who does not end when asked is ended after so long. Milliseconds. */
const graceMs = 2_000

/**
 * Has a child that was started `detached`, and all that it has started, end when a signal aborts: asked first, then killed.
 * @returns what leaves them alone from then on
 */
export function endGroupOn(signal: AbortSignal, child: ChildProcess): () => void {
  const end = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how)
    } catch {
      // it has ended by itself
    }
  }
  let later: NodeJS.Timeout | undefined
  const stop = (): void => {
    end('SIGTERM')
    later = setTimeout(() => end('SIGKILL'), graceMs)
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  return () => {
    signal.removeEventListener('abort', stop)
    clearTimeout(later)
  }
}
