import { own } from '../lib/own.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'

/** Every process type has an entry; those that are new get the default, those that are gone none. */
export function formationFor(
  types: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, FormationEntry>>,
): Record<string, FormationEntry> {
  const running = Object.keys(types).filter((type) => type !== 'release')
  return Object.fromEntries(running.map((type) => [type, own(known, type) ?? defaultEntry(type)]))
}

/** The formation of a release; before the first push, what was said of process types to come. `release` is none: it runs once. */
export const formationOf = (release: Release): Record<string, FormationEntry> =>
  formationFor(release.image === null ? release.formation : release.processTypes, release.formation)
