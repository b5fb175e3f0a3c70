import { availableParallelism, totalmem } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { processType } from '../buildpacks/procfile.js'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import { defaultEntry, type FormationEntry, type Release } from '../store/releases.js'
import { formationOf } from './formation.js'
import { releasing } from './kind.js'

const Size = z.object({
  quantity: z.number().exactOptional(),
  memory: z.number().exactOptional(),
  cpus: z.number().exactOptional(),
})
const ScaleChange = z.object({ kind: z.literal('scale'), formation: z.record(z.string(), Size).readonly() })
export type ScaleChange = z.output<typeof ScaleChange>

function scaled(current: Release, change: ScaleChange['formation']): Record<string, FormationEntry> {
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

/** Whether a process type of that name could be in a Procfile to come. */
const mayScale = (type: string): boolean => processType.test(type) && type !== 'release' && type !== 'run'

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

/** @throws BerthError `invalid`, `missing` */
function check({ formation }: ScaleChange, app: App, current: Release): void {
  const types = Object.keys(formationOf(current))
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
}

/** More or fewer of a process type run, or larger or smaller ones. */
export const scale = releasing<ScaleChange>({
  schema: ScaleChange,
  describe: ({ formation }) => `Scale ${Object.keys(formation).join(', ')}`,
  check,
  changesNothing: ({ formation }, current) => isDeepStrictEqual(scaled(current, formation), scaled(current, {})),
  next: ({ formation }, current) => ({ formation: scaled(current, formation) }),
})
