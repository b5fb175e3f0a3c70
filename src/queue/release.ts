import { isDeepStrictEqual } from 'node:util'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { Change } from '../store/operations.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'

/** What a build brings to a release. */
export interface Built {
  /** Image id on the engine. */
  readonly image: string
  readonly processTypes: Readonly<Record<string, string | null>>
  readonly origin?: Release['origin']
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
        description: `${change.rebuild ? 'Rebuild' : 'Deploy'} ${change.commit.slice(0, 7)}`,
        commit: change.commit,
        formation: formationFor(built.processTypes, current.formation),
      }
    case 'config': {
      const config = configAfter(current.config, change)
      checkConfigSize(current.config, config)
      return { ...next, description: describeConfig(effective(current.config, change)), config }
    }
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
        origin: old.origin,
        // those that are there keep their scale, those that were gone have theirs again
        formation: formationFor(old.processTypes, { ...old.formation, ...current.formation }),
      }
  }
}

/** Every process type has an entry; those that are new get the default, those that are gone none. */
function formationFor(
  types: Readonly<Record<string, string | null>>,
  known: Readonly<Record<string, FormationEntry>>,
): Record<string, FormationEntry> {
  const running = Object.keys(types).filter((type) => type !== 'release')
  return Object.fromEntries(running.map((type) => [type, own(known, type) ?? defaultEntry(type)]))
}

/** Whether a change would leave the app as it is: then it makes no release, and restarts nothing. */
export function changesNothing(current: Release, change: Change): boolean {
  if (change.kind === 'config') return isDeepStrictEqual(configAfter(current.config, change), current.config)
  return change.kind === 'scale' && isDeepStrictEqual(scaled(current, change.formation), scaled(current, {}))
}

/** Of a change of config vars what does change something. */
function effective(config: Readonly<Record<string, string>>, { kind, set, unset }: ConfigChange): ConfigChange {
  const has = (name: string): boolean => Object.hasOwn(config, name)
  return {
    kind,
    set: Object.fromEntries(Object.entries(set).filter(([name, value]) => !has(name) || config[name] !== value)),
    unset: unset.filter(has),
  }
}

/** Bytes of all config vars of an app; each of the releases that are kept holds them. */
export const mostConfigBytes = 256 * 1024

/**
 * An app that has more already, from an older Berth, may have less.
 * @throws BerthError `large`
 */
export function checkConfigSize(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): void {
  const size = sizeOf(after)
  if (size > mostConfigBytes && size > sizeOf(before))
    throw new BerthError(
      'large',
      `an app's config vars are 256 KiB altogether at most, and these would be ${Math.ceil(size / 1024)} KiB`,
      'unset some, or put what is large in a file of the app, or in a service',
    )
}

const sizeOf = (config: Readonly<Record<string, string>>): number =>
  Object.entries(config).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0)

type ConfigChange = Extract<Change, { kind: 'config' }>

export function configAfter(
  config: Readonly<Record<string, string>>,
  { set, unset }: Pick<ConfigChange, 'set' | 'unset'>,
): Record<string, string> {
  const kept = Object.entries(config).filter(([name]) => !unset.includes(name))
  return { ...Object.fromEntries(kept), ...set }
}

function describeConfig({ set, unset }: ConfigChange): string {
  const said = [['Set', Object.keys(set)] as const, ['Unset', unset] as const].filter(([, names]) => names.length > 0)
  return `${said.map(([verb, names]) => `${verb} ${names.join(', ')}`).join('; ')} config vars`
}

function scaled(
  current: Release,
  change: Readonly<Record<string, Partial<FormationEntry>>>,
): Record<string, FormationEntry> {
  // before the first push nobody knows which there will be
  const named = current.image === null ? { ...current.formation, ...change } : current.processTypes
  const types = Object.keys(named).filter((type) => type !== 'release')
  for (const type of Object.keys(change))
    if (!types.includes(type))
      throw new BerthError(
        'invalid',
        `there is no process type "${type}"`,
        `the app has ${types.join(', ') || 'none'}; add a line to its Procfile and push for another`,
      )
  const entries = types.map((type): [string, FormationEntry] => [
    type,
    { ...defaultEntry(type), ...own(current.formation, type), ...own(change, type) },
  ])
  return Object.fromEntries(entries)
}

/** What a deploy says in the end: what runs of a release now, where it answers, and how to run what does not. */
export function outcomeOf(release: Release, url: string): string[] {
  const types = Object.keys(release.processTypes).filter((type) => type !== 'release')
  const quantityOf = (type: string) => (own(release.formation, type) ?? defaultEntry(type)).quantity
  const running = types.filter((type) => quantityOf(type) > 0)
  const idle = types.filter((type) => quantityOf(type) === 0)
  const scale = `scale it with \`berth ps:scale ${idle.map((type) => `${type}=1`).join(' ')}\``
  const lines = [
    ...(running.length > 0 && (types.length > 1 || !types.includes('web'))
      ? [`Runs ${running.map((type) => `${type}=${String(quantityOf(type))}`).join(' ')}`]
      : []),
    ...(idle.length > 0 ? [`${running.length === 0 ? 'Nothing runs' : `${idle.join(', ')} at 0`}: ${scale}`] : []),
  ]
  if (running.includes('web')) return [...lines, `${url} deployed to Berth`]
  if (types.includes('web')) return lines
  return [...lines, `No web process: nothing answers at ${url}`]
}

/** What a rollback says of what it does: the rest of an app stays as it is. */
export function rollbackNotes(current: Release, old: Release): string[] {
  const back = Object.keys(old.processTypes).filter((type) => !Object.hasOwn(current.processTypes, type))
  const scaled = back.filter((type) => (own(old.formation, type)?.quantity ?? 0) > 0)
  return [
    `Brings back the code, config vars and process types of v${String(old.version)}`,
    ...scaled.map((type) => `Brings back ${type}=${String(own(old.formation, type)?.quantity ?? 0)}, which was gone`),
    'Does not bring back the scale of process types that are there now, domains, or data; runs no release command',
  ]
}
