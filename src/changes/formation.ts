import { own } from '../lib/own.js'
import { defaultEntry, type FormationEntry } from '../store/releases.js'

/** Every process type has an entry; those that are new get the default, those that are gone none. */
export function formationFor(
  types: Readonly<Record<string, string | null>>,
  known: Readonly<Record<string, FormationEntry>>,
): Record<string, FormationEntry> {
  const running = Object.keys(types).filter((type) => type !== 'release')
  return Object.fromEntries(running.map((type) => [type, own(known, type) ?? defaultEntry(type)]))
}
