import { formationOf } from '../../changes/formation.js'
import { own } from '../../lib/own.js'
import type { Release } from '../../store/releases.js'
import type { Formation } from './contract.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

/** A release's process types, each with its quantity, size and command. */
export const readFormation = (release: Release): Formation =>
  Object.fromEntries(
    Object.entries(formationOf(release)).map(([type, entry]) => [
      type,
      { ...entry, command: own(release.processTypes, type) ?? null },
    ]),
  )

export const formationHandlers = ({ store }: ControlApiDeps): HandlersOf<'formation'> => ({
  get: async (_, { app }) => readFormation(await store.releases.current(app)),
})
