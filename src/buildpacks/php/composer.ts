import { BerthError } from '../../errors.js'
import { parseJson } from '../json.js'
import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'

/** A package of a lock file, as far as it matters. */
interface LockedPackage {
  readonly name: string
  readonly php: string | undefined
  /** `ext-…` that it asks for and that it stands in for, without the prefix. */
  readonly extensions: readonly string[]
  readonly provides: readonly string[]
}

/** What an app's composer.json and composer.lock say. */
export interface Composer {
  readonly php: string | undefined
  /** Of composer.json, without `ext-`. */
  readonly extensions: readonly string[]
  /** Packages that it asks for. */
  readonly requires: readonly string[]
  /** Whether its classes are loaded by what Composer writes. */
  readonly autoloads: boolean
  readonly scripts: ReadonlySet<string>
  /** Directories of the tree that packages are taken from. */
  readonly paths: readonly string[]
  /** Where packages go; `vendor` usually. */
  readonly vendor: string
  /** `extra.public-dir`, of Symfony. */
  readonly publicDirectory: string | undefined
  readonly locked: readonly LockedPackage[]
  /** Whether a package of the lock file is to be had from its repository alone. */
  readonly needsGit: boolean
  readonly hasLock: boolean
}

const file = 'composer.json'
/** Lock files hold all that is said of each package. */
const lockBytes = 32 * 1024 * 1024

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : Object.values(asObject(value)))

/** @throws SourceError for files that are not JSON; BerthError for packages without a lock file */
export function readComposer(tree: Tree): Composer | null {
  const text = tree.read(file)
  if (text === null) return null
  // `touch composer.json` is how one says that a tree is PHP
  const said = text.trim() === '' ? {} : parseJson(file, text)
  if (typeof said !== 'object' || said === null || (Array.isArray(said) && said.length > 0))
    throw new SourceError({ file, line: 1, column: 1 }, 'not an object', 'write {"require": {}}')
  const { require, autoload, scripts, config, extra, repositories } = asObject(said)
  const lock = tree.read('composer.lock', lockBytes)
  const packages = lock === null ? [] : asList(asObject(parseJson('composer.lock', lock)).packages)
  const vendor = asText(asObject(config)['vendor-dir'])?.replace(/^\.\/|\/+$/g, '') ?? 'vendor'
  if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(vendor) || vendor.split('/').includes('..'))
    throw new BerthError('invalid', `${file}: vendor-dir is no directory of the repository`, 'leave it out: "vendor"')
  return {
    php: asText(asObject(require).php),
    extensions: extensionsOf(require),
    requires: Object.keys(asObject(require)).filter((name) => name.includes('/')),
    autoloads: Object.keys(asObject(autoload)).length > 0,
    scripts: new Set(Object.keys(asObject(scripts))),
    paths: asList(repositories).flatMap((one) => pathOf(tree, one)),
    vendor,
    publicDirectory: asText(asObject(extra)['public-dir']),
    locked: packages.map(asObject).map((one) => ({
      name: (asText(one.name) ?? '?').replace(/\p{Cc}/gu, '?').slice(0, 100),
      php: asText(asObject(one.require).php),
      extensions: extensionsOf(one.require),
      provides: [...extensionsOf(one.provide), ...extensionsOf(one.replace)],
    })),
    needsGit: packages.some((one) => asObject(one).dist === undefined),
    hasLock: lock !== null,
  }
}

const extensionsOf = (requires: unknown): string[] =>
  Object.keys(asObject(requires)).flatMap((name) => (/^ext-/i.test(name) ? [name.slice(4).toLowerCase()] : []))

/** The directory of a `path` repository, without what its pattern leaves open. */
function pathOf(tree: Tree, repository: unknown): string[] {
  const { type, url } = asObject(repository)
  const directory = (asText(url) ?? '')
    .replace(/^\.\//, '')
    .replace(/\/?\*.*$/, '')
    .replace(/\/+$/, '')
  const inside = /^[\w.@+-]+(?:\/[\w.@+-]+)*$/.test(directory) && !directory.split('/').includes('..')
  return type === 'path' && inside && tree.hasDirectory(directory) ? [directory] : []
}
