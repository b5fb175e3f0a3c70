import { endsApp, isBuild } from '../changes/index.js'
import type { Operation } from '../store/operations.js'

/** What to do with an app's pending deploys. */
export interface Choice {
  /** The one to carry out now; null when there is none. */
  readonly next: Operation | null
  /** Waiting pushes that a newer push, with nothing but pushes between, makes pointless. */
  readonly superseded: readonly Operation[]
  /** Those that wait and shall not be carried out. */
  readonly cancelled: readonly Operation[]
}

/**
 * Looks at an app's pending deploys, oldest first. One that a dead worker had begun is carried on, whatever came after,
 * or ended by whoever carries it on.
 * @param running id of the one being carried out; it is neither chosen nor superseded
 */
export function chooseNext(pending: readonly Operation[], running: string | null = null): Choice {
  const waiting = pending.filter((deploy) => deploy.id !== running)
  const cancelled = waiting.filter((deploy) => deploy.status === 'queued' && reasonToEnd(pending, deploy.id) !== null)
  const left = waiting.filter((deploy) => !cancelled.includes(deploy))
  const superseded = left.filter(
    (one, index) => one.status === 'queued' && [one, left[index + 1]].every((each) => each && isBuild(each)),
  )
  return { next: left.find((deploy) => !superseded.includes(deploy)) ?? null, superseded, cancelled }
}

/** Why a pending deploy shall not go on: somebody cancelled it, or it builds what is about to be destroyed. */
export function reasonToEnd(pending: readonly Operation[], id: string): string | null {
  const at = pending.findIndex((deploy) => deploy.id === id)
  const deploy = pending[at]
  if (deploy?.cancelledBy !== undefined) return `cancelled by ${deploy.cancelledBy}`
  const destroyed = pending.slice(at + 1).some(endsApp)
  return deploy && isBuild(deploy) && destroyed ? 'cancelled: the app is being destroyed' : null
}
