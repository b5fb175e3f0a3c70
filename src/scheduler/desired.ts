import { createHash } from 'node:crypto'
import { label } from '../config.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import { varsFor } from '../store/reach.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'
import type { Away } from '../store/routes.js'
import { linkLabels, linksInSpec } from './links.js'
import { mountsInSpec, settingsInSpec, settingsLabels, settingsOf, variablesOf } from './settings.js'

/** Label that says what a container was made from; containers of equal spec are interchangeable. */
export const specLabel = 'berth.spec'

/** The type of one-off processes (`run.1234`); no Procfile line of this name is ever scaled. */
export const oneOffType = 'run'

/** Types that run once, not for ever: a release command, a one-off. */
const unscaled: ReadonlySet<string> = new Set([oneOffType, 'release'])

/** One process that should run. */
export interface Slot {
  /** `web.1` */
  readonly process: string
  readonly type: string
  readonly spec: string
  /** Process type whose settings it has, where it is of none itself. */
  readonly like?: string
}

export const entryOf = (release: Release, type: string): FormationEntry =>
  own(release.formation, type) ?? defaultEntry(type)

/** The port `web` listens on: what the app's config says, else what its image exposes, else 5000. */
export function portOf(release: Release): number {
  const port = Number(varsFor('run', release).PORT)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : (release.port ?? 5000)
}

/** The image that processes of a type run in; '' before the first push. */
export const imageOf = (release: Release, type: string): string =>
  own(release.images ?? {}, type) ?? release.image ?? ''

/** The config vars that processes have: those that builds alone have, or that say how Berth builds the app, are none of theirs. */
export const configOf = (release: Release): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(varsFor('run', release)).filter(([name]) => !name.startsWith('BERTH_')))

/**
 * A hash of all that makes processes of a type what they are. Releases that differ only in quantities, domains or commits
 * have equal specs, so that scaling, or a push of the same tree, leaves running processes alone.
 */
export function specHash(release: Release, type: string): string {
  const { memory, cpus } = entryOf(release, type)
  const settings = settingsOf(release, type)
  const known = configOf(release)
  const config = Object.entries(variablesOf(settings, known)).sort(([a], [b]) => (a < b ? -1 : 1))
  const port = release.port === undefined || !hasPort(release, type) ? [] : [release.port]
  const more = settingsInSpec(settings, known)
  const parts = [
    imageOf(release, type),
    config,
    own(release.processTypes, type) ?? null,
    memory,
    cpus,
    ...port,
    ...more,
    ...mountsInSpec(release, type),
    ...linksInSpec(release.links),
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

/** Why a release has no web process to send a request to; undefined when it should have one. */
export function awayOf(release: Release | null): Away | undefined {
  if (release === null || release.image === null) return 'not-pushed'
  if (!('web' in release.processTypes)) return 'no-web'
  return entryOf(release, 'web').quantity === 0 ? 'scaled-to-zero' : undefined
}

/** Every process of a release that should run. None before the first push. */
export function slotsOf(release: Release | null): Slot[] {
  if (release === null || release.image === null) return []
  return Object.keys(release.processTypes)
    .filter((type) => !unscaled.has(type))
    .flatMap((type) => {
      const spec = specHash(release, type)
      return Array.from({ length: entryOf(release, type).quantity }, (_, i) => ({
        process: `${type}.${i + 1}`,
        type,
        spec,
      }))
    })
}

/** Whether PORT is for processes of a type: where each has settings, it is for the one that requests go to. */
const hasPort = (release: Release, type: string): boolean =>
  type === 'web' || own(release.settings ?? {}, type) === undefined

/** The environment of a process; the app's config vars win over the platform's. */
export const environmentOf = (
  app: App,
  release: Release,
  { process, type, like = type }: Omit<Slot, 'spec'>,
): string[] =>
  Object.entries({
    ...(hasPort(release, like) ? { PORT: String(portOf(release)) } : {}),
    BERTH_APP: app.name,
    BERTH_PROCESS: process,
    DYNO: process,
    BERTH_RELEASE: `v${release.version}`,
    BERTH_RELEASE_CREATED_AT: release.createdAt,
    ...(release.commit === null ? {} : { BERTH_COMMIT: release.commit, SOURCE_VERSION: release.commit }),
    ...variablesOf(settingsOf(release, like), configOf(release)),
  }).map(([key, value]) => `${key}=${value}`)

export const labelsOf = (instance: string, app: string, release: Release, slot: Slot): Record<string, string> => ({
  [label.instance]: instance,
  [label.app]: app,
  [label.release]: String(release.version),
  [label.process]: slot.process,
  [label.type]: slot.type,
  [specLabel]: slot.spec,
  ...linkLabels(release.links),
  ...settingsLabels(app, settingsOf(release, slot.like ?? slot.type), [slot.type, slot.process]),
})
