import { checkCanary, type CanaryChange } from '../../changes/canary.js'
import { isCanary } from '../../scheduler/wanted.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { submitChange } from '../submit.js'

export const canaryHandlers = (platform: ControlApiDeps): HandlersOf<'canary'> => ({
  get: async (_, { app }) => {
    const { canary } = app
    if (!canary) return { canary: null }
    const [all, counts] = await Promise.all([
      platform.processes(app),
      platform.store.canaries.counts(app.id, canary.since),
    ])
    const web = all.filter(({ type }) => type === 'web')
    const shown = (ofCanary: boolean) =>
      web
        .filter((one) => isCanary({ process: one.name }) === ofCanary)
        .map(({ name, state, failure, restarts, until }) => ({ name, state, failure, restarts, until }))
    return {
      canary: {
        since: canary.since,
        percent: canary.percent,
        header: canary.header ?? null,
        stable: { release: app.current, ...counts.stable, processes: shown(false) },
        canary: { release: canary.release, ...counts.canary, processes: shown(true) },
      },
    }
  },

  start: async ({ version, percent = 0, header, processes }, { app, caller }) => {
    const { store } = platform
    const change: CanaryChange = {
      ...{ kind: 'canary', version, percent },
      ...(header && { header }),
      ...(processes !== undefined && { processes }),
    }
    checkCanary(app, await store.releases.current(app), await store.releases.get(app.id, version), change)
    return submitChange(platform, app, change, caller)
  },

  promote: async (_, { app, caller }) =>
    submitChange(platform, app, { kind: 'promote', version: app.canary?.release ?? 0 }, caller),
})
