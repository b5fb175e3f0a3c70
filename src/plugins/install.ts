import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Config } from '../config.js'
import { BerthError, is } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import type { PluginRecord } from '../store/plugins.js'
import type { Store } from '../store/store.js'
import { changePlugin, mustBePlugin, refuseWhileNeeded } from './catalog.js'
import { describePlugins, type Inspected, type PluginDescription } from './describe.js'
import { installedRoot, ownPlugins } from './find.js'
import { fetchPlugin, sourceOf } from './source.js'
import { forgetHeld } from './thread-guard.js'

export interface InstallDeps {
  readonly config: Pick<Config, 'root'>
  readonly store: Pick<Store, 'plugins'>
}

/** What nothing refers to is left alone for so long: somebody may be about to. ms */
const young = 3_600_000

/** A plugin that lies in its place, with nothing that says so yet. */
interface Placed extends Inspected {
  readonly description: PluginDescription
  readonly directory: string
  readonly pin: string
}

/**
 * Fetches a plugin, looks at it, and records it: enabled, unless its settings are wanting or what it requires is not enabled.
 * @returns its name
 * @throws BerthError in words for who asked; nothing is installed then
 */
export async function installPlugin(deps: InstallDeps, from: string): Promise<string> {
  const type = sourceOf(from)
  const placed = await place(deps, from)
  const { description, directory, pin } = placed
  const { name, kind, version, requires, settings } = description
  try {
    if ((await ownPlugins()).includes(name))
      throw new BerthError('conflict', `Berth has a plugin ${name} of its own`, 'yours wants another name')
    await deps.store.plugins.add({
      ...{ name, kind, version, requires, directory, source: { type, from, pin }, enabled: false, settings: {} },
      ...{ secrets: settings.filter(({ secret }) => secret).map((setting) => setting.name), revision: 1 },
    })
  } catch (error) {
    await removePlaced(deps, directory)
    throw error
  }
  await changePlugin(deps.store, name, { enabled: true }).catch((error: unknown) => {
    // it has yet to be set, or waits for another
    if (!is(error, 'invalid') && !is(error, 'conflict')) throw error
  })
  await sweep(deps)
  return name
}

/** Fetches a plugin anew from where it came from. @throws BerthError; the one that there is stays then */
export async function updatePlugin(deps: InstallDeps, name: string): Promise<void> {
  const { plugins } = deps.store
  const before = await installed(deps, name)
  const placed = await place(deps, before.source.from, before.settings)
  const { description, directory, pin } = placed
  const problems = Object.entries(placed.settings)
  try {
    if (description.name !== name)
      throw new BerthError('conflict', `what is there now is ${description.name}, not ${name}`)
    if (before.enabled && problems.length > 0)
      throw new BerthError(
        'conflict',
        `${name} ${description.version} does not take the settings it has: ${problems.map((pair) => pair.join(': ')).join('; ')}`,
        `set them by \`berth plugins:set ${name}\`, or disable it first`,
      )
    const { kind, version, requires, settings } = description
    const secrets = settings.filter(({ secret }) => secret).map((setting) => setting.name)
    const source = { ...before.source, pin }
    const after = await plugins.update(name, () => ({ kind, version, requires, secrets, source, directory }))
    if (after === null) throw new BerthError('missing', `${name} was uninstalled meanwhile`)
  } catch (error) {
    await removePlaced(deps, directory)
    throw error
  }
  await removePlaced(deps, before.directory)
}

/** Removes a plugin, its settings and what it has kept. @throws BerthError */
export async function uninstallPlugin(deps: InstallDeps, name: string): Promise<void> {
  const { directory } = await installed(deps, name)
  await refuseWhileNeeded(deps.store, name)
  await deps.store.plugins.remove(name)
  await removePlaced(deps, directory)
  await rm(join(installedRoot(deps.config.root), '.data', name), { recursive: true, force: true })
  await forgetHeld(deps.config.root, name)
}

type Installed = PluginRecord & { readonly directory: string; readonly source: { readonly from: string } }

async function installed({ store: { plugins } }: InstallDeps, name: string): Promise<Installed> {
  const record = await plugins.get(name)
  const own = (await ownPlugins()).includes(name)
  if (own)
    throw new BerthError(
      'conflict',
      `${name} came with Berth, and goes with it`,
      `\`berth plugins:disable ${name}\` has it used no more`,
    )
  if (record === null || record.directory === null)
    throw new BerthError('missing', `there is no plugin "${name.slice(0, 40)}"`, 'see `berth plugins`')
  return record as Installed
}

async function place(
  { config }: InstallDeps,
  from: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Placed> {
  const root = installedRoot(config.root)
  const id = randomBytes(6).toString('hex')
  const staging = join(root, `.new-${id}`)
  await mkdir(root, { recursive: true })
  try {
    const { path, pin } = await fetchPlugin(from, staging)
    const [seen] = await describePlugins([{ directory: join(staging, path), settings }])
    if (!seen) throw new BerthError('broken', 'nothing was looked at')
    const description = mustBePlugin(seen, from)
    const directory = join(root, `${description.name}-${id}`)
    await rename(staging, directory)
    await using parent = await open(root, 'r')
    await parent.sync()
    return { ...seen, description, directory: join(directory, path), pin }
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
}

/** The folder right below the plugins' root that a plugin is in. */
const topOf = ({ config }: InstallDeps, directory: string): string => {
  const root = installedRoot(config.root)
  return join(root, relative(root, directory).split(sep)[0] ?? '')
}

async function removePlaced(deps: InstallDeps, directory: string): Promise<void> {
  const top = topOf(deps, directory)
  if (dirname(top) === installedRoot(deps.config.root)) await rm(top, { recursive: true, force: true })
}

/** Removes what an installation that was killed has left. */
async function sweep(deps: InstallDeps): Promise<void> {
  const root = installedRoot(deps.config.root)
  const used = new Set(
    (await deps.store.plugins.list()).flatMap(({ directory }) => (directory === null ? [] : [topOf(deps, directory)])),
  )
  for (const name of await readdir(root)) {
    const path = join(root, name)
    if (name === '.data' || used.has(path)) continue
    const made = await lstat(path).then(({ mtimeMs }) => mtimeMs, orMissing(Date.now()))
    if (Date.now() - made > young) await rm(path, { recursive: true, force: true })
  }
}
