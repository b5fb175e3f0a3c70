import { BerthError } from '../../errors.js'
import { buildSettings } from '../build-settings.js'
import { below, type Tree } from '../tree.js'
import { frameworkOf } from './start.js'
import type { PackageJson } from './package-json.js'
import { membersOf, type Member } from './workspace.js'

/** The package that is deployed, and all of its workspace. */
export interface Choice {
  /** '.' where it is the root. */
  readonly directory: string
  readonly pkg: PackageJson
  readonly members: readonly Member[]
  readonly notes: readonly string[]
}

/**
 * The package of a workspace that is deployed: the one that is asked for, by its folder or its name; the root, where it
 * starts something; the only one that starts something, or that makes a site.
 * @throws BerthError `invalid` when there are several, or not the one that is asked for
 */
export function choose(tree: Tree, root: PackageJson, asked: string | undefined): Choice {
  const members = membersOf(tree, root)
  const top: Choice = { directory: '.', pkg: root, members, notes: [] }
  const wanted = (asked ?? '').trim().replace(/^\.\//, '').replace(/\/+$/, '')
  if (wanted === '.' || (wanted === '' && members.length === 0)) return top
  if (wanted !== '') {
    const member = members.find(({ directory, pkg }) => directory === wanted || pkg.name === wanted)
    if (member !== undefined) return { ...top, ...member }
    if (members.length === 0) return top
    throw new BerthError(
      'invalid',
      `${buildSettings.dir} is ${wanted}, which is no package of this workspace`,
      list(members),
    )
  }
  if (root.scripts.start !== undefined || tree.hasFile('Procfile') || tree.hasFile('server.js')) return top
  const kinds = members.map((member) => ({ member, kind: kindOf(tree, member) }))
  for (const kind of ['server', 'site'] as const) {
    const found = kinds.flatMap((one) => (one.kind === kind ? [one.member] : []))
    const [only] = found
    if (only !== undefined && found.length === 1)
      return {
        ...top,
        ...only,
        notes: [
          `${only.directory} is deployed: the only package of the workspace that ${kind === 'server' ? 'starts a server' : 'makes a site'}`,
        ],
      }
    if (found.length > 1)
      throw new BerthError(
        'invalid',
        `several packages of this workspace can be deployed: ${named(found)}`,
        list(found),
      )
  }
  return top
}

const named = (members: readonly Member[]): string => members.map(({ directory }) => directory).join(', ')

const list = (members: readonly Member[]): string =>
  `name one: ${members
    .slice(0, 8)
    .map(({ directory }) => `berth builds:set dir=${directory}`)
    .join(', or ')}`

/** What a package is good for by itself; a library is neither. */
function kindOf(tree: Tree, { directory, pkg }: Member): 'server' | 'site' | null {
  const app = { tree: below(tree, directory), pkg, directory }
  if (app.tree.hasFile('Procfile')) return 'server'
  const framework = frameworkOf(pkg)
  const made =
    pkg.scripts.build === undefined && pkg.scripts.start === undefined ? null : (framework?.makes(app) ?? null)
  if (made !== null && pkg.scripts.dev === undefined && pkg.scripts.start === undefined && pkg.exports !== undefined)
    return null
  return made?.kind ?? (pkg.scripts.start === undefined ? null : 'server')
}
