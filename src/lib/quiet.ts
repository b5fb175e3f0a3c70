import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi from 'koffi'

/** How often it looks whether there is nothing to do, in milliseconds. */
const lookMs = 10_000
/** Microseconds of a processor between two looks that count as nothing to do. */
const quietTime = 0.01 * lookMs * 1000
/** Microseconds of a processor that leave enough behind to be worth a collection, which takes some 50,000. */
const worthTime = 250_000

const spent = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/**
 * From now on, gives back to the machine what work has left whenever this process has worked and then has had nothing to do
 * for a while: neither V8 nor malloc(3) does so until there is more work.
 */
export function collectWhenQuiet(every = lookMs, worth = worthTime): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
  let [last, collected] = [0, 0]
  setInterval(() => {
    const now = spent()
    if (now - last < quietTime && now - collected > worth) {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      trim(0)
      collected = spent()
    }
    last = spent()
  }, every).unref()
}
