import { minVersion, validRange } from 'semver'
import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import { devEngine, type PackageJson } from './package-json.js'

/** A package manager's name; `berry` is Yarn from version 2. */
export type ManagerName = 'npm' | 'yarn' | 'berry' | 'pnpm' | 'bun'

/** The package manager of an app. */
export interface Manager {
  readonly name: ManagerName
  /** Its lock file; undefined where there is none. */
  readonly lock: string | undefined
  /** Which of it, as npm takes a version; undefined for the one that is there. */
  readonly version: string | undefined
  /** A release of Yarn that lies in the tree. */
  readonly program?: string
  /** Whether npm 6 wrote the lock file, which left out what is there for others (`peerDependencies`). */
  readonly peerless?: boolean
}

const lockFiles: readonly (readonly [string, 'npm' | 'yarn' | 'pnpm' | 'bun'])[] = [
  ['npm-shrinkwrap.json', 'npm'],
  ['package-lock.json', 'npm'],
  ['yarn.lock', 'yarn'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
]

/** Text of a lock file, which may be as long as a monorepo is large; '' where there is none. */
export const lockText = (tree: Tree, lock: string | undefined): string =>
  (lock === undefined ? null : tree.read(lock, 64 * 1024 * 1024)) ?? ''

/**
 * The package manager of an app: what `packageManager` (or Volta's) says, else whose lock file is there, else what
 * `engines` or `devEngines` names, else npm.
 * @throws BerthError `invalid` when there are lock files of two, or the one that is named cannot be had
 */
export function managerOf(tree: Tree, pkg: PackageJson): Manager {
  const locks = lockFiles.filter(([file]) => tree.hasFile(file))
  const named = namedIn(pkg)
  const owners = [...new Set(locks.map(([, owner]) => owner))]
  if (named === null && owners.length > 1) throw severalLocks(locks.map(([file]) => file))
  const managers = ['npm', 'pnpm', 'yarn', 'bun'] as const
  const developed = devEngine(pkg, 'packageManager', managers)?.name
  const engine = managers.find((name) => (name !== 'npm' && pkg.engines[name] !== undefined) || name === developed)
  const name = named?.name ?? owners[0] ?? (tree.hasFile('.yarnrc.yml') ? 'yarn' : (engine ?? 'npm'))
  const lock = locks.find(([, owner]) => owner === name)?.[0]
  const version = named?.version ?? versionIn(pkg, name)
  if (name === 'yarn') return yarnOf(tree, lock, version)
  if (name === 'npm') {
    const peerless = /"lockfileVersion"\s*:\s*1\b/.test(lockText(tree, lock).slice(0, 1_000))
    return { name, lock, version: npmVersion(version), peerless }
  }
  return { name, lock, version: version ?? (name === 'pnpm' ? pnpmVersion(tree, pkg, lock) : 'latest') }
}

const severalLocks = (files: readonly string[]): BerthError =>
  new BerthError(
    'invalid',
    `lock files of several package managers: ${files.join(', ')}`,
    `keep the one of the manager that you use (git rm ${files.slice(1).join(' ')}), or name it in package.json: "packageManager": "pnpm@10.0.0"`,
  )

/** What `packageManager` says: `pnpm@9.1.0+sha512.…`. The digest is of corepack's download, not of npm's package. */
function namedIn({ packageManager }: PackageJson): { name: 'npm' | 'yarn' | 'pnpm' | 'bun'; version: string } | null {
  if (packageManager === undefined || packageManager.trim() === '') return null
  const match = /^(npm|yarn|pnpm|bun)@(\d+\.\d+\.\d+(?:-[\w.]+)?)(?:\+[\w.=/+-]+)?$/.exec(packageManager.trim())
  if (match === null)
    throw new BerthError(
      'invalid',
      `package.json: packageManager "${packageManager.slice(0, 80)}" is no package manager with its version`,
      'write "pnpm@10.0.0", "yarn@4.9.0", "npm@11.0.0" or "bun@1.3.0"',
    )
  return { name: match[1] as 'npm' | 'yarn' | 'pnpm' | 'bun', version: match[2] ?? '' }
}

/** The range that Volta, `engines` or `devEngines` has for it. */
function versionIn(pkg: PackageJson, name: 'npm' | 'yarn' | 'pnpm' | 'bun'): string | undefined {
  const range = pkg.volta[name] ?? pkg.engines[name] ?? devEngine(pkg, 'packageManager', [name])?.version
  return range === undefined || range.length > 100 || validRange(range) === null
    ? undefined
    : range.replace(/\s+/g, ' ')
}

/** npm is there already: another is installed only where the lock files of its line differ, or it has left some behind. */
function npmVersion(version: string | undefined): string | undefined {
  const major = version === undefined ? 0 : (minVersion(version)?.major ?? 0)
  return major > 11 ? version : undefined
}

/** Yarn 1 and what came after it have the name of their lock file in common, not what is in it. */
function yarnOf(tree: Tree, lock: string | undefined, version: string | undefined): Manager {
  const text = lockText(tree, lock)
  const settings = tree.read('.yarnrc.yml')
  const major = version === undefined ? undefined : minVersion(version)?.major
  const modern = major === undefined ? /^__metadata:/m.test(text) || settings !== null : major > 1
  if (!modern) return { name: 'yarn', lock, version }
  const program = /^yarnPath:\s*["']?([\w./-]+)/m.exec(settings ?? '')?.[1]
  const at = program !== undefined && tree.hasFile(program) ? { program } : {}
  return { name: 'berry', lock, version: version ?? '4', ...at }
}

/**
 * The line of pnpm that wrote a lock file. Versions 9 and later write one format; 10 asks which packages may run scripts,
 * so that it is taken where somebody has answered.
 */
function pnpmVersion(tree: Tree, pkg: PackageJson, lock: string | undefined): string {
  const text = lockText(tree, lock)
  const format = Number(/^lockfileVersion:\s*['"]?(\d+\.\d+)/m.exec(text)?.[1] ?? 9)
  if (format < 5.4) return '6'
  if (format < 6) return '7'
  if (format < 9) return '8'
  const settings = tree.read('pnpm-workspace.yaml')
  const asks = /^(?:onlyBuiltDependencies|ignoredBuiltDependencies|allowBuilds|neverBuiltDependencies):/m
  const ten = pkg.pnpm?.onlyBuiltDependencies !== undefined || pkg.pnpm?.ignoredBuiltDependencies !== undefined
  return ten || (settings !== null && (asks.test(settings) || !/^packages:/m.test(settings))) || lock === undefined
    ? '10'
    : '9'
}
