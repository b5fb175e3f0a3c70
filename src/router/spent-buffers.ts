import { collectGarbage } from '../lib/collect.js'

/** Bytes of bodies after which their buffers are collected. */
const worth = 4 * 1024 * 1024

let spent = 0

/**
 * Counts what has come of bodies, of which each piece is garbage as soon as it is passed on. Little of a buffer is on V8's heap, so that
 * by itself it lets a hundred megabytes of them come together; a collection of what is young takes it a millisecond.
 */
export function countSpent(bytes: number): void {
  spent += bytes
  if (spent < worth) return
  spent = 0
  collectGarbage({ type: 'minor', execution: 'sync' })
}
