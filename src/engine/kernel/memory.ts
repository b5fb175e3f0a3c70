import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi from 'koffi'
import { releaseProgram } from './program.js'

/** Milliseconds without a request after which the engine has nothing to do. */
const idleMs = 10_000

/** Milliseconds in which V8's threads have swept up after a collection. */
const sweepMs = 1000

/** The first pass finds what was compiled as old as it is, the second collects it. */
const passes = Array(2).fill({ type: 'major', execution: 'sync', flavor: 'last-resort' }) as object[]

/** For such a collection, what was compiled and has not been called since the last one goes too: V8 compiles it again. */
const forgetful = ['--flush-baseline-code', '--bytecode-old-age=1']
const usual = ['--no-flush-baseline-code', '--bytecode-old-age=6']

function collector(): () => void {
  const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  return () => {
    for (const flag of forgetful) setFlagsFromString(flag)
    for (const pass of passes) collect(pass)
    for (const flag of usual) setFlagsFromString(flag)
    setTimeout(() => {
      trim(0)
      releaseProgram()
    }, sweepMs).unref()
  }
}

let collect: (() => void) | undefined
let timer: NodeJS.Timeout | undefined
let threads = 0

/** Notes that a thread begins. V8's flags are the whole process's: none may change under a thread that runs. */
export function threadBegins(): void {
  threads++
}

/** Notes that a thread has ended. */
export function threadEnded(): void {
  threads--
  busy()
}

/**
 * Notes that there is, or just was, something to do. Once there has been nothing for `calmMs`, what work has left is given
 * back to the machine: neither V8 nor malloc(3) does so while nothing is asked of them. Takes some 50 ms of the loop.
 */
export function busy(calmMs = idleMs): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    if (threads === 0) (collect ??= collector())() // the last thread calls again
  }, calmMs).unref()
}
