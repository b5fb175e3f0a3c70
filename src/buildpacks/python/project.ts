import { dirname } from 'node:path/posix'
import { asTable, asTables, asTexts, type TomlTable } from '../../lib/toml.js'
import { readToml } from '../toml.js'
import type { Tree } from '../tree.js'
import { parseJson } from '../json.js'
import { namesOf, normalized, readRequirements } from './requirements.js'

/** What installs an app's dependencies. */
export type Installer = 'uv' | 'poetry' | 'pdm' | 'pipenv' | 'requirements' | 'pyproject' | 'setup' | 'none'

/** What an app says of itself and of what it needs. */
export interface Project {
  readonly installer: Installer
  /** The file that says what is installed; empty for none. */
  readonly file: string
  /** The file that a person writes what is needed into. */
  readonly manifest: string
  /** All that is known to be installed, by PyPI's names; extras beside, `fastapi[standard]`. */
  readonly names: ReadonlySet<string>
  /** What has to be there before the installer runs; the whole tree when `needsTree`. */
  readonly files: readonly string[]
  readonly needsTree: boolean
  readonly needsGit: boolean
  /** Whether the app, or a member of its workspace, is a package, which is installed beside its dependencies. */
  readonly isPackage: boolean
  /** Its programs by their names: `serve` -> `shop.cli:main`. */
  readonly scripts: ReadonlyMap<string, string>
  /** The packages of a lock file that names their wheels; null where none does. */
  readonly packages: readonly TomlTable[] | null
  readonly requires: { readonly place: string; readonly text: string } | null
  readonly pinned?: { readonly place: string; readonly text: string }
  readonly notes: readonly string[]
}

/** Lock files, the one that is taken first where there are several. */
const locks: readonly (readonly [string, Installer])[] = [
  ['uv.lock', 'uv'],
  ['poetry.lock', 'poetry'],
  ['pdm.lock', 'pdm'],
  ['Pipfile.lock', 'pipenv'],
]

/** Reads what an app declares. @throws SourceError where one of its files is not what its name says */
export function readProject(tree: Tree): Project {
  const pyproject = readToml(tree, 'pyproject.toml')
  const has = (file: string): boolean => tree.hasFile(file)
  const locked = locks.filter(([file]) => has(file))
  const [first] = locked
  const members = workspaceMembers(tree, pyproject)
  const common = {
    requires: requiresOf(pyproject),
    scripts: scriptsOf(pyproject),
    isPackage:
      'build-system' in pyproject || asTable(asTable(pyproject.tool).uv).package === true || members.length > 0,
  }
  if (first !== undefined && (first[1] === 'pipenv' || has('pyproject.toml'))) {
    const others = [...locked.map(([file]) => file), 'requirements.txt'].filter(
      (file) => file !== first[0] && has(file),
    )
    const notes =
      others.length === 0
        ? []
        : [`${others.join(' and ')} not used: ${first[0]} says what is installed; remove it to have another`]
    return { ...common, ...fromLock(tree, members, first), notes }
  }
  if (has('requirements.txt')) return { ...common, ...fromRequirements(tree) }
  const plain = { ...common, needsTree: false, needsGit: false, packages: null, notes: [] }
  if (has('Pipfile')) return { ...plain, ...fromPipfile(tree) }
  const declared = declaredIn(pyproject)
  if (declared !== null) return { ...plain, ...unlocked(pyproject, members, declared) }
  const nothing = { ...plain, names: new Set<string>(), files: [], isPackage: false }
  const setup = setupFile(tree, pyproject)
  return setup === undefined
    ? { ...nothing, installer: 'none', file: '', manifest: 'a requirements.txt' }
    : { ...nothing, installer: 'setup', file: setup, manifest: setup, needsTree: true }
}

/** The file by which an app is a package for setuptools, or another builder that reads files of its own; undefined for none. */
export function setupFile(tree: Tree, pyproject: TomlTable): string | undefined {
  if (tree.hasFile('setup.py')) return 'setup.py'
  // it has the settings of many tools
  if (/^\[options\]/m.test(tree.read('setup.cfg') ?? '')) return 'setup.cfg'
  return 'build-system' in pyproject ? 'pyproject.toml' : undefined
}

function fromRequirements(tree: Tree): Omit<Project, 'requires' | 'scripts'> {
  const file = 'requirements.txt'
  return {
    ...readRequirements(tree, file),
    installer: 'requirements',
    file,
    manifest: file,
    packages: null,
    isPackage: false,
    notes: [],
  }
}

type Unlocked = Pick<Project, 'installer' | 'file' | 'manifest' | 'names' | 'files' | 'notes'>

function fromPipfile(tree: Tree): Unlocked {
  const file = 'Pipfile'
  const pipfile = readToml(tree, file)
  return {
    installer: 'pipenv',
    file,
    manifest: file,
    names: new Set(Object.keys(asTable(pipfile.packages)).map(normalized)),
    files: [file],
    notes: ['no Pipfile.lock: versions may differ at each build; run `pipenv lock` and commit it'],
    ...pinnedBy(file, pipfile.requires),
  }
}

function unlocked(
  { project, tool: tools }: TomlTable,
  members: readonly string[],
  { installer, names }: Pick<Project, 'installer' | 'names'>,
): Unlocked & Pick<Project, 'needsTree' | 'needsGit'> {
  const file = 'pyproject.toml'
  const tool = installer === 'poetry' ? 'poetry' : 'uv'
  const { poetry, uv } = asTable(tools)
  const from = installer === 'poetry' ? asTable(poetry).dependencies : asTable(uv).sources
  const sources = Object.values(asTable(from)).flat().map(asTable)
  return {
    installer,
    file,
    manifest: file,
    names,
    files: [file, ...members],
    // what is dynamic is told by the app's own code
    needsTree:
      asTexts(asTable(project).dynamic).includes('dependencies') || sources.some(({ path }) => path !== undefined),
    needsGit: sources.some(({ git }) => git !== undefined),
    notes: [`no ${tool}.lock: versions may differ at each build; run \`${tool} lock\` and commit it`],
  }
}

type Locked = Omit<Project, 'isPackage' | 'scripts' | 'requires' | 'notes'>

function fromLock(tree: Tree, members: readonly string[], [file, installer]: readonly [string, Installer]): Locked {
  const manifest = installer === 'pipenv' ? 'Pipfile' : 'pyproject.toml'
  const files = [manifest, file, ...(installer === 'uv' ? members : [])].filter((one) => tree.hasFile(one))
  const base = { installer, file, manifest, files }
  if (installer === 'pipenv') {
    const lock = jsonTable(tree, file)
    const packages = asTable(lock.default)
    const named = Object.entries(packages)
    const needs = (pattern: RegExp): boolean =>
      named.some(([, one]) => Object.keys(asTable(one)).some((key) => pattern.test(key)))
    const pinned = pinnedBy('Pipfile.lock', asTable(lock._meta).requires)
    const names = new Set(named.map(([name]) => normalized(name)))
    return { ...base, names, needsTree: needs(/^(?:path|file)$/), needsGit: needs(/^git$/), packages: null, ...pinned }
  }
  const packages = asTables(readToml(tree, file).package)
  const names = new Set(packages.flatMap(({ name }) => (typeof name === 'string' ? [normalized(name)] : [])))
  const sources = packages.map((one) => ({ ...asTable(one.source), ...one }))
  // the app itself and members of its workspace are installed once the tree is there
  const later = ['.', ...members.map((one) => dirname(one))]
  const local = sources.some(
    ({ directory, path, editable, type }) =>
      type === 'directory' ||
      [directory, path, editable].some((one) => typeof one === 'string' && !later.includes(one)),
  )
  const needsGit = sources.some(({ git, type }) => git !== undefined || type === 'git')
  return { ...base, names, needsTree: local, needsGit, packages }
}

/** The manifests of a uv workspace, which uv reads before it installs anything. */
function workspaceMembers(tree: Tree, pyproject: TomlTable): string[] {
  const patterns = asTexts(asTable(asTable(asTable(pyproject.tool).uv).workspace).members)
  return patterns.flatMap((pattern) => {
    const [parent, star] = [pattern.replace(/\/?\*$/, '') || '.', pattern.endsWith('*')]
    const directories = star ? tree.names(parent).map((name) => `${parent}/${name}`) : [parent]
    return directories.map((directory) => `${directory}/pyproject.toml`).filter((file) => tree.hasFile(file))
  })
}

/** What a pyproject.toml without a lock file declares; null when it is there for tools alone. */
function declaredIn(pyproject: TomlTable): { installer: Installer; names: Set<string> } | null {
  const poetry = asTable(asTable(pyproject.tool).poetry)
  if ('dependencies' in poetry)
    return { installer: 'poetry', names: new Set(Object.keys(asTable(poetry.dependencies)).map(normalized)) }
  if (!('project' in pyproject)) return null
  return { installer: 'pyproject', names: new Set(asTexts(asTable(pyproject.project).dependencies).flatMap(namesOf)) }
}

/** Those whose targets Python can be told of as they stand. */
function scriptsOf({ project, tool }: TomlTable): Map<string, string> {
  const all = { ...asTable(asTable(asTable(tool).poetry).scripts), ...asTable(asTable(project).scripts) }
  return new Map(
    Object.entries(all).flatMap(([name, target]): [string, string][] =>
      typeof target === 'string' && /^[A-Za-z_][\w.]*:[A-Za-z_]\w*$/.test(target) ? [[name, target]] : [],
    ),
  )
}

function requiresOf(pyproject: TomlTable): Project['requires'] {
  const standard = asTable(pyproject.project)['requires-python']
  if (typeof standard === 'string') return { place: 'pyproject.toml: requires-python', text: standard }
  const poetry = asTable(asTable(asTable(pyproject.tool).poetry).dependencies).python
  return typeof poetry === 'string' ? { place: 'pyproject.toml: tool.poetry.dependencies.python', text: poetry } : null
}

function pinnedBy(file: string, requires: unknown): Pick<Project, 'pinned'> {
  const { python_full_version: full, python_version: short } = asTable(requires)
  const text = typeof full === 'string' ? full : short
  return typeof text === 'string' ? { pinned: { place: `${file}: python_version`, text } } : {}
}

/** A JSON object as a table: JSON has nothing that TOML has not, but null. */
const jsonTable = (tree: Tree, file: string): TomlTable => asTable(parseJson(file, tree.read(file) ?? ''))
