import type { Deploy } from '../store/deploys.js'

/** What to do with an app's pending deploys. */
export interface Choice {
  /** The one to carry out now; null when there is none. */
  readonly next: Deploy | null
  /** Waiting pushes that a newer push, with nothing but pushes between, makes pointless. */
  readonly superseded: readonly Deploy[]
}

/**
 * Looks at an app's pending deploys, oldest first. One that a dead worker had begun is carried on, whatever came after.
 * @param running id of the one being carried out; it is neither chosen nor superseded
 */
export function choose(pending: readonly Deploy[], running: string | null = null): Choice {
  const waiting = pending.filter((deploy) => deploy.id !== running)
  const superseded = waiting.filter(
    (deploy, index) =>
      deploy.status === 'queued' && deploy.change.kind === 'push' && waiting[index + 1]?.change.kind === 'push',
  )
  return { next: waiting.find((deploy) => !superseded.includes(deploy)) ?? null, superseded }
}
