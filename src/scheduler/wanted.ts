import { orMissing } from '../lib/missing.js'
import type { App } from '../store/apps.js'
import type { Canary } from '../store/canaries.js'
import type { Release } from '../store/releases.js'
import type { Store } from '../store/store.js'
import { slotsOf, specHash, type Slot } from './desired.js'

/** Whether a process is of its app's canary release: `web.c1`. */
export const isCanary = ({ process }: { readonly process: string }): boolean => /^web\.c\d+$/.test(process)

/** One web process of a release as a canary. */
export const canarySlot = (release: Release, process: string): Slot => ({
  ...{ process, type: 'web', spec: specHash(release, 'web') },
})

/**
 * The processes of a canary: as many as somebody has said, or as its share of the app's own needs. None where the app has no web
 * processes itself: one that is scaled to 0 answers nobody.
 * @param stable the release that the app runs
 * @param release of the canary
 */
export function canarySlots(canary: Canary, stable: Release | null, release: Release | null): Slot[] {
  const own = slotsOf(stable).filter(({ type }) => type === 'web').length
  if (own === 0 || release?.image == null || !('web' in release.processTypes)) return []
  const count = canary.processes ?? Math.max(1, Math.ceil((own * canary.percent) / 100))
  return Array.from({ length: count }, (_, at) => canarySlot(release, `web.c${String(at + 1)}`))
}

/** What should run of an app: its release, and that of its canary beside it. */
export class Wanted {
  readonly release: Release | null
  readonly canary: Release | null
  readonly slots: readonly Slot[]

  constructor(app: App, release: Release | null, canary: Release | null) {
    this.release = release
    this.canary = canary
    this.slots = [...slotsOf(release), ...(app.canary ? canarySlots(app.canary, release, canary) : [])]
  }

  /** The release that a process is of, or should be; null where there is none. */
  releaseOf(one: { readonly process: string }): Release | null {
    return isCanary(one) ? this.canary : this.release
  }
}

/** The release of an app's canary; null where it has none. */
export async function canaryReleaseOf({ releases }: Pick<Store, 'releases'>, app: App): Promise<Release | null> {
  return app.canary ? releases.get(app.id, app.canary.release).catch(orMissing(null)) : null
}
