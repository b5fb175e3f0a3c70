import { availableParallelism, totalmem } from 'node:os'
import { processType } from '../../buildpacks/procfile.js'
import { BerthError } from '../../errors.js'
import { own } from '../../lib/own.js'
import { defaultEntry, type FormationEntry, type Release } from '../../store/releases.js'
import type { Formation } from '../contract/formation.js'
import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'
import { viewOperation } from '../views.js'

/**
 * A release's process types, each with its quantity and size; before the first push, what was said of those to come.
 * `release` is none: it runs once, at a push.
 */
export const readFormation = (release: Release): Formation =>
  Object.fromEntries(
    Object.keys(release.image === null ? release.formation : release.processTypes)
      .filter((type) => type !== 'release')
      .map((type) => [
        type,
        {
          ...(own(release.formation, type) ?? defaultEntry(type)),
          command: own(release.processTypes, type) ?? null,
        },
      ]),
  )

/** Whether a process type of that name could be in a Procfile to come. */
const mayScale = (type: string): boolean => processType.test(type) && type !== 'release' && type !== 'run'

/** Without the fields that were not given: `{ memory: undefined }` would erase what is there. */
const given = (
  entry: Readonly<{ [F in keyof FormationEntry]?: FormationEntry[F] | undefined }>,
): Partial<FormationEntry> => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))

const gigabytes = (bytes: number): string => `${Number((bytes / 2 ** 30).toFixed(1))}G`

/** @throws BerthError `invalid` when no process of this server could have it */
function checkSize(type: string, { memory, cpus }: { memory?: number | undefined; cpus?: number | undefined }): void {
  if (memory !== undefined && memory > totalmem())
    throw new BerthError(
      'invalid',
      `${type}: ${gigabytes(memory)} of memory is more than this server has, ${gigabytes(totalmem())}`,
      'give it less, as in web=1:512M',
    )
  if (cpus !== undefined && cpus > availableParallelism())
    throw new BerthError(
      'invalid',
      `${type}: ${cpus} CPUs are more than this server has, ${availableParallelism()}`,
      'give it less, as in web=1:512M:0.5',
    )
}

export function formationHandlers(platform: Platform): HandlersOf<'formation'> {
  const { store } = platform
  return {
    get: async ({ app: name }) => {
      const app = await store.apps.get(name)
      return readFormation(await store.releases.current(app))
    },

    scale: async ({ app: name, formation }) => {
      const app = await store.apps.get(name)
      const current = await store.releases.current(app)
      const types = Object.keys(readFormation(current))
      if (Object.keys(formation).length === 0)
        throw new BerthError('invalid', 'no process type to scale', `name one of ${types.join(', ') || 'web, worker'}`)
      const isOne = (type: string) => (current.image === null ? mayScale(type) : types.includes(type))
      const unknown = Object.keys(formation).find((type) => !isOne(type))
      if (unknown !== undefined)
        throw new BerthError(
          'missing',
          `${app.name} has no process type "${unknown.slice(0, 80)}"`,
          current.image === null
            ? 'a process type is a name of letters, digits, - and _, as in its Procfile; `release` and `run` run once'
            : `it has ${types.join(', ') || 'none'}; more are named in its Procfile`,
        )
      for (const [type, size] of Object.entries(formation)) checkSize(type, size)
      const change = Object.fromEntries(Object.entries(formation).map(([type, entry]) => [type, given(entry)]))
      return viewOperation(await platform.submit(app, { kind: 'scale', formation: change }), app.name)
    },
  }
}
