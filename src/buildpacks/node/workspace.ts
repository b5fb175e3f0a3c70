import { folderPattern, foldersOf } from '../folders.js'
import type { Tree } from '../tree.js'
import { parseYaml } from '../yaml.js'
import { parsePackageJson, type PackageJson } from './package-json.js'

/** A package of a workspace. */
export interface Member {
  /** Its folder, below the root. */
  readonly directory: string
  readonly pkg: PackageJson
}

const pnpmWorkspace = 'pnpm-workspace.yaml'

/** The packages of a workspace, by `workspaces` of its package.json or by pnpm-workspace.yaml; none where it is no workspace. */
export function membersOf(tree: Tree, root: PackageJson): readonly Member[] {
  const patterns = patternsOf(tree, root)
  if (patterns.length === 0) return []
  const wanted = patterns.filter((one) => !one.startsWith('!')).map(folderPattern)
  const unwanted = patterns.filter((one) => one.startsWith('!')).map((one) => folderPattern(one.slice(1)))
  return foldersOf(tree).flatMap((directory) => {
    if (!wanted.some((one) => one.test(directory)) || unwanted.some((one) => one.test(directory))) return []
    const file = `${directory}/package.json`
    const text = tree.read(file)
    return text === null ? [] : [{ directory, pkg: parsePackageJson(text, file) }]
  })
}

/** Whether a package.json, or a file beside it, declares a workspace. */
export const isWorkspace = (tree: Tree, root: PackageJson): boolean => patternsOf(tree, root).length > 0

function patternsOf(tree: Tree, { workspaces }: PackageJson): string[] {
  const listed = Array.isArray(workspaces) ? workspaces : (workspaces as { packages?: unknown } | undefined)?.packages
  const named = Array.isArray(listed) ? listed.filter((one): one is string => typeof one === 'string') : []
  return [...named, ...pnpmPatterns(tree)].slice(0, 100)
}

/** The patterns of a pnpm-workspace.yaml. */
function pnpmPatterns(tree: Tree): string[] {
  const text = tree.read(pnpmWorkspace)
  const packages = text === null ? undefined : parseYaml(pnpmWorkspace, text).entries.get('packages')
  return packages?.kind === 'list' ? packages.items.flatMap((item) => (item.kind === 'scalar' ? [item.text] : [])) : []
}

/** The packages of a workspace that one is built with, each after those it depends on itself. */
export function builtBefore(members: readonly Member[], app: Member): Member[] {
  const byName = new Map(
    members.flatMap((member) => (member.pkg.name === undefined ? [] : [[member.pkg.name, member]])),
  )
  const order: Member[] = []
  const seen = new Set<Member>([app])
  const visit = ({ pkg }: Member): void => {
    for (const name of Object.keys({ ...pkg.dependencies, ...pkg.devDependencies, ...pkg.peerDependencies })) {
      const member = byName.get(name)
      if (member === undefined || seen.has(member)) continue
      seen.add(member)
      visit(member)
      order.push(member)
    }
  }
  visit(app)
  return order.filter(({ pkg }) => pkg.scripts.build !== undefined)
}
