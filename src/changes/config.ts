import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { buildSettingOf, checkBuildSetting } from '../buildpacks/build-settings.js'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { Reaches } from '../store/reach.js'
import type { Release } from '../store/releases.js'
import { releasing } from './kind.js'

const ConfigChange = z.object({
  kind: z.literal('config'),
  set: z.record(z.string(), z.string()).readonly(),
  unset: z.array(z.string()).readonly(),
  /** Who has those that are set; unless given, who has them now, and both of new ones. */
  reach: z.enum(['build', 'run', 'both']).exactOptional(),
})
type ConfigChange = z.output<typeof ConfigChange>
type Vars = Readonly<Record<string, string>>
type Edit = Pick<ConfigChange, 'set' | 'unset'>
type Current = Pick<Release, 'config' | 'reach'>

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

// Linux refuses to exec with one string of the environment longer than this, NAME= and NUL included (execve(2), MAX_ARG_STRLEN)
const longest = 128 * 1024

const varName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** @throws BerthError `invalid`, naming the variable and never its value */
export function checkVariableName(name: string): void {
  const shown = name.slice(0, 80)
  if (name === '__proto__')
    throw new BerthError('invalid', 'nothing can have the name __proto__', 'choose another name')
  if (!varName.test(name) || name.length > 255)
    throw new BerthError(
      'invalid',
      `"${shown}" is not the name of a config var`,
      'use letters, digits and underscores, beginning with a letter or an underscore',
    )
  if (name.startsWith('BERTH_') && buildSettingOf(name) === undefined)
    throw new BerthError(
      'invalid',
      `the config var ${shown} is set by Berth itself`,
      'choose a name that does not begin with BERTH_',
    )
}

/** @throws BerthError `invalid`, `large`, never with the value in it */
export function checkVariable(name: string, value: string): void {
  checkVariableName(name)
  checkValue(name, value)
}

/** @throws BerthError `invalid`, `large` */
function checkValue(name: string, value: string): void {
  const setting = buildSettingOf(name)
  if (setting !== undefined) checkBuildSetting(setting, value)
  if (name === 'PORT' && !(/^[1-9]\d{0,4}$/.test(value) && Number(value) < 65_536))
    throw new BerthError('invalid', 'PORT is not a port number', 'use the one the app listens on, 1 to 65535')
  if (value.includes('\0'))
    throw new BerthError(
      'invalid',
      `the value of ${name} holds a NUL, which no environment can`,
      'encode it, as base64 for instance',
    )
  if (/\p{Surrogate}/u.test(value))
    throw new BerthError(
      'invalid',
      `the value of ${name} is not well-formed Unicode`,
      'encode it, as base64 for instance',
    )
  if (sizeOf({ [name]: value }) > longest)
    throw new BerthError(
      'large',
      `the value of ${name} is ${Buffer.byteLength(value)} bytes long, and Linux starts no process with more than 128 KiB in one variable`,
      'put it in a file of the app, or in a service',
    )
}
/** @throws BerthError `invalid`, `large` */
function check({ set, unset }: ConfigChange, current: Vars): void {
  const names = [...Object.keys(set), ...unset]
  if (names.length === 0)
    throw new BerthError('invalid', 'no config var to set or unset', 'name at least one in `set` or `unset`')
  for (const name of unset) checkVariableName(name)
  for (const [name, value] of Object.entries(set)) checkVariable(name, value)
  const both = unset.find((name) => Object.hasOwn(set, name))
  if (both !== undefined)
    throw new BerthError('invalid', `the config var ${both} cannot be both set and unset`, 'name it once')
  configAfter(current, { set, unset })
}

/** @throws BerthError `conflict` of one that a linked service gives */
function refuseLinked({ set, unset }: Edit, { links = {} }: Pick<Release, 'links'>): void {
  const linked = [...Object.keys(set), ...unset].find((name) => Object.hasOwn(links, name))
  if (linked === undefined) return
  throw new BerthError(
    'conflict',
    `${linked} is the URL of a service that the app is linked to`,
    'unlink that first (`berth services:links` lists them), or link it under another name with --as',
  )
}

/** Who alone has which config vars after a change of them. */
function reachAfter(before: Reaches, { set, unset, reach }: ConfigChange): Reaches {
  const kept = Object.entries(before).filter(
    ([name]) => !unset.includes(name) && (reach === undefined || !Object.hasOwn(set, name)),
  )
  const given = reach === undefined || reach === 'both' ? [] : Object.keys(set).map((name) => [name, reach] as const)
  return Object.fromEntries([...kept, ...given])
}

/** Of a change what does change something. */
function effective({ config: vars, reach = {} }: Current, change: ConfigChange): Edit {
  const has = (name: string): boolean => Object.hasOwn(vars, name)
  const after = reachAfter(reach, change)
  const changes = ([name, value]: [string, string]): boolean =>
    !has(name) || vars[name] !== value || own(reach, name) !== own(after, name)
  return {
    set: Object.fromEntries(Object.entries(change.set).filter(changes)),
    unset: change.unset.filter(has),
  }
}

const ofWhom = { build: ' of builds', run: ' of processes', both: '' } as const

/** Config vars are set and unset. */
export const config = releasing<ConfigChange>({
  schema: ConfigChange,
  withCanary: () => 'refused',
  describe: (change, current) => {
    const { set, unset } = current ? effective(current, change) : change
    const said = [['Set', Object.keys(set)] as const, ['Unset', unset] as const].filter(([, names]) => names.length > 0)
    return `${said.map(([verb, names]) => `${verb} ${names.join(', ')}`).join('; ')} config vars${ofWhom[change.reach ?? 'both']}`
  },
  check: (change, _, current) => {
    check(change, current.config)
    refuseLinked(change, current)
  },
  changesNothing: (change, current) =>
    isDeepStrictEqual(edited(current.config, change), current.config) &&
    isDeepStrictEqual(reachAfter(current.reach ?? {}, change), { ...current.reach }),
  next: (change, current) => ({
    config: configAfter(current.config, change),
    reach: reachAfter(current.reach ?? {}, change),
  }),
})
