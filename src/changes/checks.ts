import { z } from 'zod'
import { processType } from '../buildpacks/procfile.js'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import {
  allTypes,
  checkFields,
  checkPhases,
  CheckFields,
  faultOf,
  strategyOf,
  type CheckPhase,
  type CheckSettings,
} from '../store/checks.js'
import type { Release } from '../store/releases.js'
import { acting } from './kind.js'

const ChecksChange = z.object({
  kind: z.literal('checks'),
  /** Process types; none is all of them. */
  types: z.array(z.string()).readonly(),
  phase: z.enum(checkPhases),
  set: CheckFields,
  unset: z.array(z.string()).readonly(),
  mode: z.enum(['check', 'skip', 'disable']).exactOptional(),
})
export type ChecksChange = z.output<typeof ChecksChange>

/** What is said of an app's checks after a change; what somebody has said by command alone. */
export function settingsAfter(before: CheckSettings, change: ChecksChange): CheckSettings {
  const { types, phase, set, unset, mode } = change
  const fields = { ...before[phase] }
  for (const type of types) {
    const kept = Object.entries(own(fields, type) ?? {}).filter(([name]) => !unset.includes(name))
    const said = { ...Object.fromEntries(kept), ...set }
    if (Object.keys(said).length > 0) fields[type] = said
    else Reflect.deleteProperty(fields, type)
  }
  return {
    ...before,
    [phase]: fields,
    modes: mode === undefined ? (before.modes ?? {}) : modesAfter(before, types, mode),
  }
}

function modesAfter(
  { modes = {} }: CheckSettings,
  types: readonly string[],
  mode: NonNullable<ChecksChange['mode']>,
): NonNullable<CheckSettings['modes']> {
  // all of them: what was said of some is over
  if (types.length === 0) return mode === 'check' ? {} : { [allTypes]: mode }
  const others = Object.entries(modes).filter(([type]) => !types.includes(type))
  const named = mode === 'check' && !Object.hasOwn(modes, allTypes) ? [] : types.map((type) => [type, mode] as const)
  return Object.fromEntries([...others, ...named])
}

/** @throws BerthError `invalid`, `missing` */
function check(change: ChecksChange, app: App, current: Release): void {
  const { types, phase, set, unset, mode } = change
  if (mode === undefined && types.length === 0) throw new BerthError('invalid', 'no process type', 'name one, as web')
  if (mode === undefined && Object.keys(set).length + unset.length === 0)
    throw new BerthError('invalid', 'nothing to set or unset of a check', 'as in path=/up, or attempts=5')
  const stranger = unset.find((name) => !(checkFields as readonly string[]).includes(name))
  if (stranger !== undefined)
    throw new BerthError('invalid', `a check has no "${stranger.slice(0, 40)}"`, `it has ${checkFields.join(', ')}`)
  for (const type of types) checkType(type, app, current)
  const after = settingsAfter(app.checks ?? {}, change)
  for (const type of types) checkSaid(type, phase, own(after[phase] ?? {}, type) ?? {}, current)
}

/** @throws BerthError `missing` where an app has, or could have, no such process type */
export function checkType(type: string, app: App, { image, processTypes }: Release): void {
  const known = Object.keys(processTypes).filter((one) => one !== 'release')
  if (image === null ? processType.test(type) && type !== 'release' && type !== 'run' : known.includes(type)) return
  throw new BerthError(
    'missing',
    `${app.name} has no process type "${type.slice(0, 80)}"`,
    image === null ? 'a process type is a name of letters, digits, - and _' : `it has ${known.join(', ') || 'none'}`,
  )
}

function checkSaid(type: string, phase: CheckPhase, said: CheckFields, current: Release): void {
  const fault = faultOf(said)
  if (fault !== null)
    throw new BerthError(
      'invalid',
      `the ${phase} check of ${type}: ${fault}`,
      'unset what is not meant, with `berth checks:unset`',
    )
  const declared = (own(current.healthchecks ?? {}, type) ?? []).some((one) => one.phase === phase)
  const isAimless = strategyOf(said) === undefined && !declared && !(type === 'web' && phase === 'startup')
  if (isAimless && Object.keys(said).length > 0)
    throw new BerthError(
      'invalid',
      `nothing says what the ${phase} check of ${type} asks`,
      'add path=/…, command=…, listening=true or uptime=…',
    )
}

const few = (types: readonly string[]): string => (types.length === 0 ? 'all process types' : types.join(', '))

const said = { check: 'Enable the checks', skip: 'Skip the checks', disable: 'Disable the checks' } as const

/** Somebody says how the processes of an app are checked. What runs stays as it is. */
export const checks = acting<ChecksChange>({
  schema: ChecksChange,
  describe: ({ types, phase, set, unset, mode }) =>
    mode === undefined
      ? `Change the ${phase} checks of ${few(types)}: ${[...Object.keys(set), ...unset].join(', ')}`
      : `${said[mode]} of ${few(types)}`,
  check,
  act: async (change, at) => {
    await at.store.apps.update(at.app.id, { checks: settingsAfter(at.app.checks ?? {}, change) })
    // what watches over running processes reads it anew
    await at.refreshRoute()
    at.progress.detail(
      change.phase !== 'startup' && change.mode === undefined
        ? 'Counts from now on; no new release'
        : 'Counts from the next deploy or restart on; no new release',
    )
  },
})
