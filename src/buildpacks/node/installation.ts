import type { Tree } from '../tree.js'
import type { Installation } from './dockerfile.js'
import type { ManagerCommands } from './manager-commands.js'
import type { Manager } from './manager.js'
import { declaredDependencies, type PackageJson } from './package-json.js'
import type { Member } from './workspace.js'

/** Scripts that package managers run of their own accord on install: they may need the whole tree. */
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']
/** They write their code into node_modules. */
const generators = new Set(['prisma', '@prisma/client', 'zenstack', '@zenstackhq/runtime'])
/** With more packages than these a workspace is copied whole: a line each would be many layers. */
const manyMembers = 40

/** A tree to install, the package.json at its top, and its packages where it is a workspace. */
export interface Installed {
  readonly tree: Tree
  readonly root: PackageJson
  readonly members: readonly Member[]
  readonly manager: Manager
  readonly commands: ManagerCommands
}

/**
 * What is installed of an app, and what decides it.
 * @param keeps what is for development runs in production
 */
export function installationOf({ tree, root, members, manager, commands }: Installed, keeps: boolean): Installation {
  const scriptsOf = ({ scripts }: PackageJson): string[] => lifecycle.filter((name) => scripts[name] !== undefined)
  const all = [root, ...members.map(({ pkg }) => pkg)].flatMap(declaredDependencies)
  const scripts = scriptsOf(root)
  const local = all.some(([, range]) => /^(?:file|link|portal):|^[./~]/.test(range))
  const unseen = root.workspaces !== undefined && members.length === 0
  const whole = local || unseen || members.length > manyMembers || members.some(({ pkg }) => scriptsOf(pkg).length > 0)
  const nothing = all.length === 0 && scripts.length > 0 && members.length === 0
  const names = ['package.json', manager.lock, ...commands.files]
  const files = names.flatMap((name) => {
    if (name === undefined) return []
    return tree.hasFile(name) ? [name] : tree.hasDirectory(name) ? [`${name}/`] : []
  })
  return {
    files: whole || nothing ? null : [...files, ...members.map(({ directory }) => `${directory}/package.json`)],
    any: all.length > 0 || scripts.length > 0 || members.length > 0,
    scripts,
    prunes: !keeps && (manager.name !== 'bun' || root.trustedDependencies === undefined),
    changes: scripts.length > 0 || members.length > 0 || all.some(([name]) => generators.has(name)),
  }
}
