import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'

const LOCK_EX_NB = 2 | 4
const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)')

/** Takes a lock that ends with its holder or its process, flock(2). @returns null when another has it */
export function tryLock(file: string): Disposable | null {
  const fd = openSync(file, 'a', 0o600) // Node opens with O_CLOEXEC: no child keeps it
  if (flock(fd, LOCK_EX_NB) === 0) return { [Symbol.dispose]: () => closeSync(fd) }
  closeSync(fd)
  return null
}

/** The same, but waits for it. @param onWait is called once when another has it */
export async function lock(file: string, onWait: () => void): Promise<Disposable> {
  for (let first = true; ; first = false) {
    const held = tryLock(file)
    if (held) return held
    if (first) onWait()
    await sleep(200) // flock(2) that waits would block the loop, and there is no event to wait for
  }
}
