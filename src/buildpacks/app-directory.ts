import { BerthError } from '../errors.js'
import { buildSettings } from './build-settings.js'
import { isModule } from './java/maven.js'
import { parsePackageJson } from './node/package-json.js'
import { membersOf } from './node/workspace.js'
import { isCargoMember } from './rust/package.js'
import type { Tree } from './tree.js'

/**
 * The folder of a tree that is an app by itself, as BERTH_APP_DIR says; '.' for the top, also where a package of the
 * workspace there is asked for: that is installed, or built, with the whole of it.
 * @throws BerthError `invalid` when there is no such folder
 */
export function appDirectory(tree: Tree, variables: Readonly<Record<string, string>>): string {
  const asked = variables[buildSettings.dir]?.trim() ?? ''
  const parts = asked.split('/').filter((part) => part !== '' && part !== '.')
  const directory = parts.join('/')
  if (directory === '' || isMember(tree, directory) || isModule(tree, directory) || isCargoMember(tree, directory))
    return '.'
  if (!asked.startsWith('/') && !parts.includes('..') && tree.hasDirectory(directory)) return directory
  const folders = tree.names().filter((name) => !name.startsWith('.') && tree.hasDirectory(name))
  throw new BerthError(
    'invalid',
    `${buildSettings.dir} is ${asked.slice(0, 80)}: there is no such folder, nor a package of that name`,
    `at the top of the repository there ${folders.length === 0 ? 'are no folders' : `are ${folders.slice(0, 8).join(', ')}`}; to deploy the top: berth builds:unset dir`,
  )
}

function isMember(tree: Tree, asked: string): boolean {
  const text = tree.read('package.json')
  if (text === null) return false
  return membersOf(tree, parsePackageJson(text)).some(({ directory, pkg }) => directory === asked || pkg.name === asked)
}
