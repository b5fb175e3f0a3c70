import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { BerthError } from '../errors.js'
import { releasing } from './kind.js'

const Config = z.object({
  kind: z.literal('config'),
  set: z.record(z.string(), z.string()).readonly(),
  unset: z.array(z.string()).readonly(),
})
type Config = z.output<typeof Config>
type Vars = Readonly<Record<string, string>>
type Edit = Pick<Config, 'set' | 'unset'>

/** Bytes of all config vars of an app; each of the releases that are kept holds them. */
export const mostConfigBytes = 256 * 1024

const sizeOf = (vars: Vars): number =>
  Object.entries(vars).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0)

/**
 * The config vars after a change of them. An app that has too many already, from an older Berth, may have less.
 * @throws BerthError `large`
 */
export function configAfter(before: Vars, edit: Edit): Record<string, string> {
  const after = edited(before, edit)
  const size = sizeOf(after)
  if (size > mostConfigBytes && size > sizeOf(before))
    throw new BerthError(
      'large',
      `an app's config vars are 256 KiB altogether at most, and these would be ${Math.ceil(size / 1024)} KiB`,
      'unset some, or put what is large in a file of the app, or in a service',
    )
  return after
}

function edited(before: Vars, { set, unset }: Edit): Record<string, string> {
  const kept = Object.entries(before).filter(([name]) => !unset.includes(name))
  return { ...Object.fromEntries(kept), ...set }
}

/** Of a change what does change something. */
function effective(vars: Vars, { set, unset }: Edit): Edit {
  const has = (name: string): boolean => Object.hasOwn(vars, name)
  return {
    set: Object.fromEntries(Object.entries(set).filter(([name, value]) => !has(name) || vars[name] !== value)),
    unset: unset.filter(has),
  }
}

/** Config vars are set and unset. */
export const config = releasing<Config>({
  schema: Config,
  describe: (change, current) => {
    const { set, unset } = current ? effective(current.config, change) : change
    const said = [['Set', Object.keys(set)] as const, ['Unset', unset] as const].filter(([, names]) => names.length > 0)
    return `${said.map(([verb, names]) => `${verb} ${names.join(', ')}`).join('; ')} config vars`
  },
  changesNothing: (change, current) => isDeepStrictEqual(edited(current.config, change), current.config),
  next: (change, current) => ({ config: configAfter(current.config, change) }),
})
