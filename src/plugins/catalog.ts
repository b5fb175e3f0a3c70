import { BerthError } from '../errors.js'
import type { PluginRecord, PluginState } from '../store/plugins.js'
import type { Store } from '../store/store.js'
import { describePlugins, type Inspected, type PluginDescription, type SettingDescription } from './describe.js'
import { directoryOf, ownPlugins } from './find.js'

/** A plugin that there is: one that came with Berth, or was installed. */
export interface KnownPlugin {
  readonly record: PluginRecord
  /** Whether it is of Berth's own and nobody has set or enabled it. */
  readonly untouched: boolean
  readonly state: PluginState | null
}

/** What somebody would have otherwise of a plugin. */
export interface PluginPatch {
  readonly enabled?: boolean | undefined
  /** null: as it is by default. */
  readonly settings?: Readonly<Record<string, string | null>> | undefined
}

const ownRecord = ({ name, kind, version, requires, settings }: PluginDescription): PluginRecord => ({
  ...{ name, kind, version, requires, source: { type: 'berth' }, directory: null, enabled: false, settings: {} },
  secrets: settings.filter(({ secret }) => secret).map((setting) => setting.name),
  revision: 0,
})

/** @throws BerthError `invalid` where it is no plugin */
export function mustBePlugin({ description, problem }: Inspected, name: string): PluginDescription {
  if (description === null) throw new BerthError('invalid', `${name} is no plugin: ${problem ?? ''}`)
  return description
}

/** All that there are, by name. */
export async function listPlugins({ plugins }: Pick<Store, 'plugins'>): Promise<KnownPlugin[]> {
  const [records, states, own] = await Promise.all([plugins.list(), plugins.states(), ownPlugins()])
  const known = new Map(records.map((record) => [record.name, record]))
  const seen = await describePlugins(own.map((name) => ({ directory: directoryOf({ name, directory: null }) })))
  const fresh = seen.flatMap(({ description }) => (description === null ? [] : [ownRecord(description)]))
  const untouched = fresh.filter(({ name }) => !known.has(name))
  const versions = new Map(fresh.map(({ name, version }) => [name, version]))
  const recorded = records.map((record) =>
    record.directory === null ? { ...record, version: versions.get(record.name) ?? record.version } : record,
  )
  return [
    ...recorded.map((record) => ({ record, untouched: false, state: states.get(record.name) ?? null })),
    ...untouched.map((record) => ({ record, untouched: true, state: null })),
  ].sort((a, b) => (a.record.name < b.record.name ? -1 : 1))
}

/** One of them, and what may be set of it. @throws BerthError `missing` */
export async function findPlugin(
  { plugins }: Pick<Store, 'plugins'>,
  name: string,
): Promise<KnownPlugin & { readonly settings: readonly SettingDescription[]; readonly problem: string | null }> {
  const found = await plugins.get(name)
  if (found === null && !(await ownPlugins()).includes(name)) throw noPlugin(name)
  const directory = directoryOf(found ?? { name, directory: null })
  const [seen] = await describePlugins([{ directory }])
  const { description = null, problem = null } = seen ?? {}
  const record = found ?? (description && ownRecord(description))
  if (record === null) throw new BerthError('broken', `${name} does not load: ${problem ?? ''}`)
  const state = (await plugins.states()).get(name) ?? null
  return { record, untouched: found === null, state, settings: description?.settings ?? [], problem }
}

const noPlugin = (name: string): BerthError =>
  new BerthError('missing', `there is no plugin "${name.slice(0, 40)}"`, 'see `berth plugins`')

/** Sets, enables or disables one. @throws BerthError `missing`, `invalid` naming the settings, `conflict` where others are in the way */
export async function changePlugin(
  { plugins }: Pick<Store, 'plugins'>,
  name: string,
  { enabled, settings = {} }: PluginPatch,
): Promise<void> {
  const stored = await plugins.get(name)
  if (stored === null && !(await ownPlugins()).includes(name)) throw noPlugin(name)
  const merged = withSettings(stored?.settings ?? {}, settings)
  if (enabled === false && Object.keys(settings).length === 0) {
    // one whose code does not load any more can be disabled all the same
    await refuseWhileNeeded({ plugins }, name)
    if (stored !== null) await plugins.update(name, () => ({ enabled }))
    return
  }
  const [seen] = await describePlugins([
    { directory: directoryOf(stored ?? { name, directory: null }), settings: merged },
  ])
  if (!seen) throw noPlugin(name)
  const description = mustBePlugin(seen, name)
  const willRun = enabled ?? stored?.enabled ?? false
  const wrong = Object.entries(seen.settings).filter(([key]) => willRun || (settings[key] ?? null) !== null)
  if (wrong.length > 0)
    throw new BerthError(
      'invalid',
      wrong.map(([key, problem]) => (key === '' ? problem : `${key}: ${problem}`)).join('; '),
      `\`berth plugins:info ${name}\` lists its settings`,
    )
  if (willRun) await refuseWithoutRequired({ plugins }, name, description.requires)
  const { kind, version, requires, secrets } = ownRecord(description)
  const facts = { kind, version, requires, secrets, ...(enabled !== undefined && { enabled }) }
  if (stored === null) await plugins.add({ ...ownRecord(description), ...facts, settings: merged, revision: 1 })
  else await plugins.update(name, (before) => ({ ...facts, settings: withSettings(before.settings, settings) }))
}

function withSettings(
  before: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const all = Object.entries({ ...before, ...patch })
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null))
}

async function refuseWithoutRequired(
  { plugins }: Pick<Store, 'plugins'>,
  name: string,
  requires: readonly string[],
): Promise<void> {
  const enabled = new Set((await plugins.list()).filter((one) => one.enabled).map((one) => one.name))
  const missing = requires.filter((other) => !enabled.has(other))
  if (missing.length > 0)
    throw new BerthError(
      'conflict',
      `${name} requires ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not enabled`,
      `enable ${missing.length === 1 ? 'it' : 'them'} first: \`berth plugins:enable ${missing[0] ?? ''}\``,
    )
}

/** @throws BerthError `conflict` while an enabled one requires it */
export async function refuseWhileNeeded({ plugins }: Pick<Store, 'plugins'>, name: string): Promise<void> {
  const needing = (await plugins.list()).filter((one) => one.enabled && one.requires.includes(name))
  if (needing.length > 0)
    throw new BerthError(
      'conflict',
      `${needing.map((one) => one.name).join(', ')} require${needing.length === 1 ? 's' : ''} ${name}`,
      `disable ${needing.length === 1 ? 'it' : 'them'} first: \`berth plugins:disable ${needing[0]?.name ?? ''}\``,
    )
}
