import { setFlagsFromString } from 'node:v8'
import koffi from 'koffi'
import { collectGarbage } from './collect.js'
import { ownMemory, releaseProgram } from './program.js'

/** How often it looks whether there is nothing to do, in milliseconds. */
const lookMs = 10_000
/** Microseconds of a processor between two looks that count as nothing to do. */
const quietTime = 0.01 * lookMs * 1000
/** Bytes more than after the last collection that are worth another, which takes some 50 ms of a processor. */
const worthBytes = 1 << 20

/** Milliseconds in which V8's threads have swept up after a collection. */
const sweepMs = 1000

const pass = { type: 'major', execution: 'sync', flavor: 'last-resort' } as const
/** The first finds what was compiled as old as it is, the second collects it. */
const passes = 2

/** For such a collection, what was compiled and has not been called since the last one goes too: V8 compiles it again. */
const forgetful = ['--flush-baseline-code', '--bytecode-old-age=1']
const usual = ['--no-flush-baseline-code', '--bytecode-old-age=6']

const spent = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** How a process gives memory back. */
export interface QuietOptions {
  /** How often it looks, in milliseconds. */
  readonly every?: number
  /** Bytes that it must have grown by. */
  readonly worth?: number
  /** What was compiled stays: for a process whose next work does not wait. */
  readonly keepsCode?: boolean
}

function collect(keepsCode: boolean): void {
  if (keepsCode) {
    collectGarbage(pass)
    return
  }
  for (const flag of forgetful) setFlagsFromString(flag)
  for (let count = 0; count < passes; count++) collectGarbage(pass)
  for (const flag of usual) setFlagsFromString(flag)
}

/**
 * From now on, gives back to the machine what work has left whenever this process has grown and then has had nothing to do
 * for a while: neither V8 nor malloc(3) does so until there is more work.
 */
export function collectWhenQuiet(options: QuietOptions = {}): void {
  const { every = lookMs, worth = worthBytes, keepsCode = false } = options
  const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
  let [last, least] = [0, 0]
  setInterval(() => {
    if (spent() - last < quietTime && ownMemory() - least > worth) {
      collect(keepsCode)
      least = Infinity
      setTimeout(() => {
        trim(0)
        releaseProgram()
        least = ownMemory()
      }, sweepMs).unref()
    }
    last = spent()
  }, every).unref()
}
