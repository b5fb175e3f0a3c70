import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { siteDirectory } from '../site.js'
import { siteCommand } from '../static/stage.js'
import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import { resolved } from './commands.js'
import { dockerfileOf, type Installation } from './dockerfile.js'
import { commandsFor } from './manager-commands.js'
import { managerOf, type Manager } from './manager.js'
import { developmentNeed } from './needs.js'
import { failureReason } from './failure-reason.js'
import { declaredDependencies, parsePackageJson, type NodeApp, type PackageJson } from './package-json.js'
import { startOf, type DeclaredWeb } from './start.js'
import { nodeImage, nodeVersion } from './version.js'

/** Scripts that package managers run of their own accord on install: they may need the whole tree. */
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']
/** Plug'n'Play's map goes too: tools that see one ask it, and Berth has Yarn write node_modules. */
const ignored = ['.git', '**/node_modules', 'npm-debug.log*', '.pnp.cjs', '.pnp.loader.mjs']

/** A Node.js app: a package.json at the top. */
export const nodejs: Buildpack = {
  name: 'nodejs',
  takes: 'a Node.js app (package.json)',
  landmark: 'package.json',
  plan,
  failure: failureReason,
}

function plan(tree: Tree): Plan | null {
  const text = tree.read('package.json')
  if (text === null) return null
  const app: NodeApp = { tree, pkg: parsePackageJson(text) }
  const { pkg } = app
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const manager = managerOf(tree, pkg)
  const commands = commandsFor(manager)
  const web: DeclaredWeb = declares ? (declared.web ?? null) : undefined
  const start = startOf(app, commands.run, web)
  if (start === null) {
    // a site that has a package.json for its tools only
    if (pkg.scripts.build === undefined && siteDirectory(tree) !== null) return null
    throw nothingStarts()
  }
  const run = start.site === null ? start.web : siteCommand
  const processTypes = { ...(run === null ? {} : { web: run }), ...declared }
  const { version, notes } = nodeVersion(tree, pkg)
  const need = developmentNeed(pkg, Object.values(processTypes))
  const install = installation(tree, pkg, manager, need !== null)
  // scripts of an installation may need what is for development only, as `husky` or `svelte-kit sync` in `prepare`
  const develops = Object.keys(pkg.devDependencies).length > 0 || pkg.workspaces !== undefined
  const staged = start.build !== null || (install.scripts.length > 0 && develops)
  const found = start.framework === null ? 'Node.js app' : `Node.js app (${start.framework})`
  return {
    buildpack: 'nodejs',
    name: 'Node.js',
    found,
    version,
    dockerfile: dockerfileOf({
      image: nodeImage(version),
      manager: commands,
      start,
      install,
      staged,
      before: scriptLines(pkg, commands.run, 'heroku-prebuild'),
      after: scriptLines(pkg, commands.run, 'heroku-cleanup'),
      managerRuns: Object.values(processTypes).some((line) => runsManager(line, pkg, manager)),
      command: run,
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes,
    origin: declares ? 'Procfile' : 'package.json',
    notes: [...start.notes, ...notes, ...notesOn(tree, pkg, manager), ...needNotes(need)],
  }
}

const nothingStarts = (): BerthError =>
  new BerthError(
    'invalid',
    'package.json does not say how to start the app',
    'add a "start" script to package.json, a `web:` line to a Procfile, or a server.js; a "build" script alone makes a site',
  )

function installation(tree: Tree, pkg: PackageJson, manager: Manager, keeps: boolean): Installation {
  const scripts = lifecycle.filter((name) => pkg.scripts[name] !== undefined)
  const all = declaredDependencies(pkg)
  const local = pkg.workspaces !== undefined || all.some(([, range]) => /^(?:file|link|portal):|^[./~]/.test(range))
  return {
    files: local || (all.length === 0 && scripts.length > 0) ? null : packageFiles(tree, manager),
    any: all.length > 0 || scripts.length > 0 || local,
    scripts,
    prunes: !keeps && (manager.name !== 'bun' || pkg.trustedDependencies === undefined),
    changes: scripts.length > 0 || all.some(([name]) => generators.has(name)),
  }
}

/** They write their code into node_modules. */
const generators = new Set(['prisma', '@prisma/client', 'zenstack', '@zenstackhq/runtime'])

/** What decides the installation, as far as it is there; a folder ends with `/`. */
function packageFiles(tree: Tree, manager: Manager): string[] {
  const files = ['package.json', manager.lock, ...commandsFor(manager).files]
  return files.flatMap((name) => {
    if (name === undefined) return []
    return tree.hasFile(name) ? [name] : tree.hasDirectory(name) ? [`${name}/`] : []
  })
}

const scriptLines = ({ scripts }: PackageJson, run: string, name: string): string[] =>
  scripts[name] === undefined ? [] : [`${run} ${name}`]

/** Whether a line calls the app's package manager, which is not in every image. */
const runsManager = (line: string, { scripts }: PackageJson, { name }: Manager): boolean => {
  const program = name === 'berry' ? 'yarn' : name
  const words = line.split(/[\s;&|]+/)
  return words.includes(program) || resolved(line, scripts).some((command) => command.program === program)
}

const needNotes = (need: ReturnType<typeof developmentNeed>): string[] =>
  need === null
    ? []
    : [
        `\`${need.program}\` runs in production and ${need.name} is in devDependencies: they all stay in the image; move it to dependencies for a smaller one`,
      ]

const lockName: Readonly<Record<Manager['name'], string>> = {
  npm: 'package-lock.json',
  yarn: 'yarn.lock',
  berry: 'yarn.lock',
  pnpm: 'pnpm-lock.yaml',
  bun: 'bun.lock',
}

function notesOn(tree: Tree, pkg: PackageJson, manager: Manager): string[] {
  const notes: string[] = []
  if (manager.lock === undefined && declaredDependencies(pkg).length > 0) {
    const program = manager.name === 'berry' ? 'yarn' : manager.name
    notes.push(
      `no ${lockName[manager.name]}: versions may differ at each build; run \`${program} install\` and commit the lock file`,
    )
  }
  if (tree.hasDirectory('node_modules'))
    notes.push('node_modules is in git and is left out: add it to .gitignore and `git rm -r --cached node_modules`')
  return notes
}
