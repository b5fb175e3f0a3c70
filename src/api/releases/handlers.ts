import { isDeepStrictEqual } from 'node:util'
import { BerthError } from '../../errors.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { App } from '../../store/apps.js'
import type { Release } from '../../store/releases.js'
import type { Store } from '../../store/store.js'
import { submitChange } from '../submit.js'
import { viewRelease, viewReleaseInfo } from '../views.js'

/** What a rollback brings back of a release. */
const restored = ({ image, processTypes, config }: Release) => ({ image, processTypes, config })

/** The last that ran well and differs. A rollback keeps the scale of now: it counts for nothing. */
async function earlier(store: Store, { id, current: version }: App): Promise<Release | undefined> {
  const all = await store.releases.list(id)
  const current = all.find((one) => one.version === version)
  const differs = (one: Release) => current === undefined || !isDeepStrictEqual(restored(one), restored(current))
  return all.find(
    (one) => one.version < version && one.status === 'succeeded' && !one.canary && one.image !== null && differs(one),
  )
}

export function releaseHandlers(platform: ControlApiDeps): HandlersOf<'releases'> {
  const { store } = platform
  return {
    list: async (_, { app }) => (await store.releases.list(app.id)).map((release) => viewRelease(release, app.current)),

    info: async ({ version }, { app }) => {
      const release =
        version === 'current'
          ? await store.releases.current(app)
          : await store.releases.get(app.id, Number(version.replace('v', '')))
      return viewReleaseInfo(release, app.current)
    },

    rollback: async ({ version }, { app, caller }) => {
      const target = version === undefined ? await earlier(store, app) : await store.releases.get(app.id, version)
      if (target === undefined)
        throw new BerthError(
          'conflict',
          `${app.name} has no earlier release that differs in code or config vars`,
          'run `berth releases` to see them all; a scale is undone with `berth ps:scale`',
        )
      if (target.version === app.current)
        throw new BerthError(
          'conflict',
          `v${target.version} is the current release`,
          'run `berth releases` to see them all',
        )
      if (target.image === null)
        throw new BerthError(
          'conflict',
          `v${target.version} has no image: it was made before the first push`,
          'run `berth releases` to see them all',
        )
      if (target.status !== 'succeeded')
        throw new BerthError('conflict', `v${target.version} never ran well`, 'run `berth releases` to see which did')
      return submitChange(platform, app, { kind: 'rollback', version: target.version }, caller)
    },
  }
}
