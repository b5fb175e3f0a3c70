import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi from 'koffi'

/** Milliseconds without a request after which the engine has nothing to do. */
const idleMs = 10_000

const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: object) => void
setFlagsFromString('--no-expose-gc')

let timer: NodeJS.Timeout | undefined

/**
 * Notes that there is something to do. Once there has been nothing for `calmMs`, what work has left is given back to the
 * machine: neither V8 nor malloc(3) does so while nothing is asked of them. Takes some 50 ms of the loop.
 */
export function busy(calmMs = idleMs): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    trim(0)
  }, calmMs).unref()
}
