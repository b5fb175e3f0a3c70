import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'
import { releasing } from './kind.js'

const Size = z.object({
  quantity: z.number().exactOptional(),
  memory: z.number().exactOptional(),
  cpus: z.number().exactOptional(),
})
const Scale = z.object({ kind: z.literal('scale'), formation: z.record(z.string(), Size).readonly() })
type Scale = z.output<typeof Scale>

function scaled(current: Release, change: Scale['formation']): Record<string, FormationEntry> {
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

/** More or fewer of a process type run, or larger or smaller ones. */
export const scale = releasing<Scale>({
  schema: Scale,
  describe: ({ formation }) => `Scale ${Object.keys(formation).join(', ')}`,
  changesNothing: ({ formation }, current) => isDeepStrictEqual(scaled(current, formation), scaled(current, {})),
  next: ({ formation }, current) => ({ formation: scaled(current, formation) }),
})
