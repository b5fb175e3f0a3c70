import { posix } from 'node:path'
import { asTable, asTables, asTexts, type TomlTable } from '../../lib/toml.js'
import { folderPattern, foldersOf } from '../folders.js'
import { SourceError } from '../source-error.js'
import { readToml } from '../toml.js'
import type { Tree } from '../tree.js'

/** A package of Cargo's. */
export interface CargoPackage {
  /** '.' or `crates/web`. */
  readonly directory: string
  readonly name: string
  /** The programs that its build makes, by name; the one of src/main.rs first. */
  readonly programs: readonly string[]
  /** The program that `cargo run` runs. */
  readonly defaultRun?: string
  /** What it depends on, by the names in its Cargo.toml. */
  readonly dependencies: ReadonlySet<string>
  /** `[package.metadata]`, by tool. */
  readonly metadata: TomlTable
}

/** What a Cargo.toml at the top and those below it say. */
export interface CargoProject {
  /** All packages; the one at the top first. */
  readonly packages: readonly CargoPackage[]
  /** Directories of the packages that cargo builds where it is told none: `default-members`; null where none are named. */
  readonly usual: ReadonlySet<string> | null
}

/** What Cargo allows in the name of a package or a program; what else there is of them never gets to a shell. */
const nameable = /^[A-Za-z0-9_][\w-]{0,63}$/

/** Reads the packages of a tree. @throws SourceError for a Cargo.toml that is none */
export function readProject(tree: Tree): CargoProject {
  const root = readToml(tree, 'Cargo.toml')
  if (!('package' in root) && !('workspace' in root))
    throw new SourceError(
      { file: 'Cargo.toml', line: 1, column: 1 },
      'it has neither [package] nor [workspace]',
      'begin it as `cargo init` does, with a `[package]` that has a name',
    )
  const workspace = asTable(root.workspace)
  const top = 'package' in root ? [readPackage(tree, '.', root)] : []
  const members = matching(tree, asTexts(workspace.members), asTexts(workspace.exclude)).map((directory) =>
    readPackage(tree, directory, readToml(tree, `${directory}/Cargo.toml`)),
  )
  const usual = asTexts(workspace['default-members'])
  return {
    packages: [...top, ...members],
    usual:
      usual.length === 0
        ? null
        : new Set([...matching(tree, usual, []), ...(usual.some((one) => /^\.\/?$/.test(one)) ? ['.'] : [])]),
  }
}

/** Whether a folder, or a name, is that of a package of the workspace at the top. */
export const isCargoMember = (tree: Tree, asked: string): boolean =>
  tree.hasFile('Cargo.toml') &&
  readProject(tree).packages.some(({ directory, name }) => directory === asked || name === asked)

/** The folders that have a Cargo.toml and that patterns name. */
function matching(tree: Tree, patterns: readonly string[], excluded: readonly string[]): string[] {
  if (patterns.length === 0) return []
  const expressions = (all: readonly string[]): RegExp[] => all.slice(0, 200).map(folderPattern)
  const [wanted, unwanted] = [expressions(patterns), expressions(excluded)]
  return foldersOf(tree).filter(
    (one) =>
      wanted.some((pattern) => pattern.test(one)) &&
      !unwanted.some((pattern) => pattern.test(one)) &&
      tree.hasFile(`${one}/Cargo.toml`),
  )
}

function readPackage(tree: Tree, directory: string, manifest: TomlTable): CargoPackage {
  const file = posix.join(directory, 'Cargo.toml')
  const section = asTable(manifest.package)
  const { name, 'default-run': defaultRun } = section
  if (typeof name !== 'string' || !nameable.test(name))
    throw new SourceError(
      { file, line: 1, column: 1 },
      typeof name === 'string' ? `"${name.slice(0, 60)}" is no name of a package` : 'its [package] has no name',
      'write `name = "web"`, letters, digits, - and _',
    )
  const targets = [manifest, ...Object.values(asTable(manifest.target)).map(asTable)]
  return {
    directory,
    name,
    programs: programsOf(tree, { directory, file, name, manifest }),
    dependencies: new Set(targets.flatMap((one) => Object.keys(asTable(one.dependencies)))),
    metadata: asTable(section.metadata),
    ...(typeof defaultRun === 'string' ? { defaultRun } : {}),
  }
}

interface Place {
  readonly directory: string
  readonly file: string
  readonly name: string
  readonly manifest: TomlTable
}

/** The programs of a package as Cargo finds them: those it names, src/main.rs, and those in src/bin. */
function programsOf(tree: Tree, { directory, file, name, manifest }: Place): string[] {
  const at = (path: string): string => posix.join(directory, path)
  const named = asTables(manifest.bin).map((bin): TomlTable & { name: string } => {
    if (typeof bin.name === 'string' && nameable.test(bin.name)) return { ...bin, name: bin.name }
    throw new SourceError(
      { file, line: 1, column: 1 },
      `a [[bin]] has ${typeof bin.name === 'string' ? 'a name that no program can have' : 'no name'}`,
      'write `name = "web"`, letters, digits, - and _',
    )
  })
  const taken = new Set(named.map(({ path }) => (typeof path === 'string' ? posix.normalize(path) : '')))
  const auto = asTable(manifest.package).autobins !== false
  const found = [
    ...(auto && tree.hasFile(at('src/main.rs')) && !taken.has('src/main.rs') ? [name] : []),
    ...(auto ? tree.names(at('src/bin')) : []).flatMap((entry) => {
      const path = entry.endsWith('.rs') ? `src/bin/${entry}` : `src/bin/${entry}/main.rs`
      const program = entry.replace(/\.rs$/, '')
      return tree.hasFile(at(path)) && !taken.has(path) && nameable.test(program) ? [program] : []
    }),
  ]
  const features = new Set(asTexts(asTable(manifest.features).default))
  const built = named.filter((bin) => asTexts(bin['required-features']).every((one) => features.has(one)))
  const skipped = new Set(named.filter((bin) => !built.includes(bin)).map((bin) => bin.name))
  const main = built.filter(({ path }) => path === 'src/main.rs').map((bin) => bin.name)
  return [...new Set([...main, ...found, ...built.map((bin) => bin.name)])].filter((one) => !skipped.has(one))
}
