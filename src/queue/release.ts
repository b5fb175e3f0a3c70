import { BerthError } from '../errors.js'
import type { Change } from '../store/deploys.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'

/** What a build brings to a release. */
export interface Built {
  /** Image id on the engine. */
  readonly image: string
  readonly processTypes: Readonly<Record<string, string | null>>
}

/** A change that makes a release. */
export type Releasing = Extract<Change, { kind: 'push' | 'config' | 'scale' | 'rollback' }>

/**
 * The release that follows `current` by a change. Pure.
 * @param built for a push: what came of it
 * @param old for a rollback: the release to go back to
 * @throws BerthError `invalid` or `conflict` when the change cannot be made; nothing has changed then
 */
export function nextRelease(
  current: Release,
  version: number,
  change: Releasing,
  { built, old }: { readonly built?: Built; readonly old?: Release } = {},
): Release {
  const next: Release = {
    ...current,
    version,
    createdAt: new Date().toISOString(),
    description: '',
    status: 'pending',
    failure: null,
  }
  switch (change.kind) {
    case 'push':
      if (!built) throw new Error('a push is released after its build')
      return {
        ...next,
        ...built,
        description: `Deploy ${change.commit.slice(0, 7)}`,
        commit: change.commit,
        formation: formationFor(built.processTypes, current.formation),
      }
    case 'config':
      return { ...next, description: describeConfig(change), config: configAfter(current.config, change) }
    case 'scale':
      return {
        ...next,
        description: `Scale ${Object.keys(change.formation).join(', ')}`,
        formation: scaled(current, change.formation),
      }
    case 'rollback':
      if (old?.image == null)
        throw new BerthError(
          'conflict',
          `v${String(change.version)} has no image to go back to`,
          'run `berth releases` to see which have',
        )
      return {
        ...next,
        description: `Rollback to v${String(old.version)}`,
        image: old.image,
        commit: old.commit,
        processTypes: old.processTypes,
        config: old.config,
        formation: formationFor(old.processTypes, current.formation),
      }
  }
}

/** Every process type has an entry; those that are new get the default, those that are gone none. */
function formationFor(
  types: Readonly<Record<string, string | null>>,
  known: Readonly<Record<string, FormationEntry>>,
): Record<string, FormationEntry> {
  const running = Object.keys(types).filter((type) => type !== 'release')
  return Object.fromEntries(running.map((type) => [type, known[type] ?? defaultEntry(type)]))
}

function configAfter(
  config: Readonly<Record<string, string>>,
  { set, unset }: Extract<Change, { kind: 'config' }>,
): Record<string, string> {
  const kept = Object.entries(config).filter(([name]) => !unset.includes(name))
  return { ...Object.fromEntries(kept), ...set }
}

function describeConfig({ set, unset }: Extract<Change, { kind: 'config' }>): string {
  const said = [['Set', Object.keys(set)] as const, ['Unset', unset] as const].filter(([, names]) => names.length > 0)
  return `${said.map(([verb, names]) => `${verb} ${names.join(', ')}`).join('; ')} config vars`
}

function scaled(
  current: Release,
  change: Readonly<Record<string, Partial<FormationEntry>>>,
): Record<string, FormationEntry> {
  const types = Object.keys(current.processTypes).filter((type) => type !== 'release')
  for (const type of Object.keys(change))
    if (!types.includes(type))
      throw new BerthError(
        'invalid',
        types.length === 0
          ? 'nothing is deployed yet, so there is nothing to scale'
          : `there is no process type "${type}"`,
        types.length === 0
          ? 'push the app first'
          : `the app has ${types.join(', ')}; add a line to its Procfile and push for another`,
      )
  const entries = types.map((type): [string, FormationEntry] => [
    type,
    { ...defaultEntry(type), ...current.formation[type], ...change[type] },
  ])
  return Object.fromEntries(entries)
}
