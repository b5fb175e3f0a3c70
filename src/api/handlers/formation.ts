import { BerthError } from '../../errors.js'
import { defaultEntry, type FormationEntry, type Release } from '../../store/releases.js'
import type { Formation } from '../contract/formation.js'
import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'
import { viewDeploy } from '../views.js'

/** A release's process types, each with its quantity and size. `release` is none: it runs once, at a push. */
export const readFormation = (release: Release): Formation =>
  Object.fromEntries(
    Object.entries(release.processTypes)
      .filter(([type]) => type !== 'release')
      .map(([type, command]) => [type, { ...(release.formation[type] ?? defaultEntry(type)), command }]),
  )

/** Without the fields that were not given: `{ memory: undefined }` would erase what is there. */
const given = (
  entry: Readonly<{ [F in keyof FormationEntry]?: FormationEntry[F] | undefined }>,
): Partial<FormationEntry> => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))

export function formationHandlers(platform: Platform): HandlersOf<'formation'> {
  const { store } = platform
  return {
    get: async ({ app: name }) => {
      const app = await store.apps.get(name)
      return readFormation(await store.releases.current(app))
    },

    scale: async ({ app: name, formation }) => {
      const app = await store.apps.get(name)
      const types = Object.keys(readFormation(await store.releases.current(app)))
      if (types.length === 0)
        throw new BerthError('conflict', `${app.name} has nothing to scale yet`, 'push it first: `git push berth main`')
      if (Object.keys(formation).length === 0)
        throw new BerthError('invalid', 'no process type to scale', `name one of ${types.join(', ')}`)
      const unknown = Object.keys(formation).find((type) => !types.includes(type))
      if (unknown !== undefined)
        throw new BerthError(
          'missing',
          `${app.name} has no process type "${unknown.slice(0, 80)}"`,
          `it has ${types.join(', ')}; more are named in its Procfile`,
        )
      const change = Object.fromEntries(Object.entries(formation).map(([type, entry]) => [type, given(entry)]))
      return viewDeploy(await platform.submit(app, { kind: 'scale', formation: change }), app.name)
    },
  }
}
