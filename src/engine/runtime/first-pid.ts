import { readFileSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/**
 * The number in a pid file, as soon as it is written: the runtime writes it when the program runs, and not at all when
 * it cannot. undefined when there is none by the time `over` aborts.
 */
export function firstPid(path: string, over: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    const settle = (): void => {
      watcher.close()
      over.removeEventListener('abort', settle)
      resolve(pidIn(path))
    }
    const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
      if (name === basename(path) && pidIn(path) !== undefined) settle()
    })
    over.addEventListener('abort', settle)
  })
}

function pidIn(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8')) || undefined
  } catch {
    return undefined
  }
}
