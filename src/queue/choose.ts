import { endsApp, isBuild } from '../changes/index.js'
import type { Operation } from '../store/operations.js'

/** What to do with an app's pending operations. */
export interface NextOperation {
  /** The one to carry out now; null when there is none. */
  readonly next: Operation | null
  /** Waiting pushes that a newer push, with nothing but pushes between, makes pointless. */
  readonly superseded: readonly Operation[]
  /** Those that wait and shall not be carried out. */
  readonly cancelled: readonly Operation[]
}

/**
 * Looks at an app's pending operations, oldest first. One that a dead worker had begun is carried on, whatever came after,
 * or ended by whoever carries it on.
 * @param running id of the one being carried out; it is neither chosen nor superseded
 */
export function chooseNext(pending: readonly Operation[], running: string | null = null): NextOperation {
  const waiting = pending.filter((operation) => operation.id !== running)
  const cancelled = waiting.filter(
    (operation) => operation.status === 'queued' && reasonToEnd(pending, operation.id) !== null,
  )
  const left = waiting.filter((operation) => !cancelled.includes(operation))
  const superseded = left.filter((one, index) => one.status === 'queued' && isBuild(one) && isForAll(left[index + 1]))
  return { next: left.find((operation) => !superseded.includes(operation)) ?? null, superseded, cancelled }
}

/** A push that everybody gets: one that some clients get, as a canary, is in nobody's place. */
const isForAll = (operation: Operation | undefined): boolean =>
  operation !== undefined && isBuild(operation) && operation.change.canary === undefined

/** Why a pending operation shall not go on: somebody cancelled it, or it builds what is about to be destroyed. */
export function reasonToEnd(pending: readonly Operation[], id: string): string | null {
  const at = pending.findIndex((operation) => operation.id === id)
  const operation = pending[at]
  if (operation?.cancelledBy !== undefined) return `cancelled by ${operation.cancelledBy}`
  const destroyed = pending.slice(at + 1).some(endsApp)
  return operation && isBuild(operation) && destroyed ? 'cancelled: the app is being destroyed' : null
}
