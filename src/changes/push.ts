import { z } from 'zod'
import { configAfter } from './config.js'
import { formationDeclared, formationFor } from './formation.js'
import { releasing, type Built } from './kind.js'

const PushChange = z.object({
  kind: z.literal('push'),
  commit: z.string(),
  branch: z.string(),
  /** Operations ahead of it that this commit does not build upon: if one of them lands first, this push is stale. */
  unless: z.array(z.string()).readonly().exactOptional(),
  /** It was pushed before, and is built again. */
  rebuild: z.literal(true).exactOptional(),
})
export type PushChange = z.output<typeof PushChange>

/** A commit is built and released. */
export const push = releasing<PushChange, Built>({
  schema: PushChange,
  describe: ({ commit, rebuild }) => `${rebuild ? 'Rebuild' : 'Deploy'} ${commit.slice(0, 7)}`,
  make: (change, at) => at.build(change),
  next: ({ commit }, current, { secrets = {}, variables = {}, ...built }) => ({
    declared: undefined,
    scripts: undefined,
    ...built,
    commit,
    // one that was set while it was built is the one that is meant
    config: configAfter({ ...secrets, ...current.config }, { set: variables, unset: [] }),
    formation: formationDeclared(formationFor(built.processTypes, current.formation), current, built.declared),
  }),
  runsReleaseCommand: true,
})
