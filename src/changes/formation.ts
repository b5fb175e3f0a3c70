import { own } from '../lib/own.js'
import type { SettingsOfTypes } from '../process-settings.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'

/** Every process type has an entry; those that are new get the default, those that are gone none. */
export function formationFor(
  types: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, FormationEntry>>,
): Record<string, FormationEntry> {
  const running = Object.keys(types).filter((type) => type !== 'release')
  return Object.fromEntries(running.map((type) => [type, own(known, type) ?? defaultEntry(type)]))
}

/**
 * A formation with the quantities that the app itself declares, but for process types that somebody has scaled: those that
 * are not as they were declared before, or as they are by default.
 */
export function formationDeclared(
  formation: Readonly<Record<string, FormationEntry>>,
  current: Release,
  declared: Readonly<Record<string, number>> = {},
): Record<string, FormationEntry> {
  const isScaled = (type: string): boolean => {
    const known = own(current.formation, type)
    if (known === undefined) return false
    return (
      current.image === null || known.quantity !== (own(current.declared ?? {}, type) ?? defaultEntry(type).quantity)
    )
  }
  return Object.fromEntries(
    Object.entries(formation).map(([type, entry]) => [
      type,
      isScaled(type) ? entry : { ...entry, quantity: own(declared, type) ?? entry.quantity },
    ]),
  )
}

/** The same for how large they are. */
export function sizesDeclared(
  formation: Readonly<Record<string, FormationEntry>>,
  current: Release,
  settings: SettingsOfTypes = {},
): Record<string, FormationEntry> {
  const sizeOf = (all: SettingsOfTypes | undefined, type: string): Pick<FormationEntry, 'memory' | 'cpus'> => {
    const { memory, cpus } = { ...defaultEntry(type), ...own(all ?? {}, type) }
    return { memory, cpus }
  }
  const isScaled = (type: string): boolean => {
    const known = own(current.formation, type)
    if (known === undefined) return false
    const { memory, cpus } = sizeOf(current.settings, type)
    return current.image === null || known.memory !== memory || known.cpus !== cpus
  }
  return Object.fromEntries(
    Object.entries(formation).map(([type, entry]) => [
      type,
      isScaled(type) ? entry : { ...entry, ...sizeOf(settings, type) },
    ]),
  )
}

/** The formation of a release; before the first push, what was said of process types to come. `release` is none: it runs once. */
export const formationOf = (release: Release): Record<string, FormationEntry> =>
  formationFor(release.image === null ? release.formation : release.processTypes, release.formation)
