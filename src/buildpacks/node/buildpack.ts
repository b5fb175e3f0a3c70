import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { settingsFileOf, siteSettings } from '../static/read-settings.js'
import { siteDirectory } from '../site.js'
import { siteCommand } from '../static/stage.js'
import { BerthError } from '../../errors.js'
import { below, type Tree } from '../tree.js'
import { buildSettings } from '../build-settings.js'
import { unknownLanguage } from '../unknown.js'
import { foldersOf } from '../folders.js'
import { buildCaches } from './build-caches.js'
import { choose, type Choice } from './choice.js'
import { resolved } from './commands.js'
import { dockerfileOf } from './dockerfile.js'
import { earlyVariables } from './early.js'
import { installationOf } from './installation.js'
import { commandsFor } from './manager-commands.js'
import { lockText, managerOf, type Manager } from './manager.js'
import { nativeOf } from './native.js'
import { developmentNeed } from './needs.js'
import { failureReason } from './failure-reason.js'
import { declaredDependencies, has, parsePackageJson, type NodeApp, type PackageJson } from './package-json.js'
import { prismaGenerates } from './prisma.js'
import { startOf } from './start.js'
import { nodeImage, nodeVersion } from './version.js'
import { builtBefore } from './workspace.js'

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

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const text = tree.read('package.json')
  if (text === null) return otherManifest(tree)
  const root = parsePackageJson(text)
  const choice = choose(tree, root, variables[buildSettings.dir])
  const { directory, pkg, members } = choice
  const app: NodeApp = { tree: below(tree, directory), pkg, directory }
  const declared = declaredTypes(app.tree.hasFile('Procfile') ? app.tree : tree)
  const declares = saysWhatRuns(declared)
  const manager = managerOf(tree, root)
  const commands = commandsFor(manager, directory === '.' ? null : (pkg.name ?? null))
  const own = startOf(app, commands.run, declares ? (declared.web ?? null) : undefined)
  if (own === null) {
    // a site that has a package.json for its tools only
    if (pkg.scripts.build === undefined && (siteDirectory(tree) ?? settingsFileOf(tree)) !== null) return null
    throw nothingStarts(tree)
  }
  const start = {
    ...own,
    build: buildLine({ root, choice, run: commands.run, first: prismaGenerates(app) }, own.build),
  }
  const run = start.site === null ? start.web : siteCommand
  // what a build takes into the site lies in public/, by most bundlers' custom
  const site = start.site === null ? null : siteSettings(app.tree, 'public')
  const processTypes = { ...(run === null ? {} : { web: run }), ...declared }
  const { version, notes } = nodeVersion(
    tree,
    root.engines.node === undefined ? { ...root, engines: pkg.engines } : root,
  )
  const need = developmentNeed(pkg, Object.values(processTypes))
  const native = nativeOf([root, pkg], lockText(tree, manager.lock))
  // Bun takes nothing away but by an installation anew, in which nothing is compiled
  const compiled = manager.name === 'bun' && native.compiles
  const keeps = need !== null || compiled || keepsDevelopment(variables)
  const install = installationOf({ tree, root, members, manager, commands }, keeps)
  // scripts of an installation may need what is for development only, as `husky` or `svelte-kit sync` in `prepare`
  const develops = Object.keys(root.devDependencies).length > 0 || members.length > 0
  const apart = native.build.some((name) => !native.run.includes(name))
  return {
    buildpack: 'nodejs',
    name: 'Node.js',
    found: start.framework === null ? 'Node.js app' : `Node.js app (${start.framework})`,
    version,
    dockerfile: dockerfileOf({
      image: nodeImage(version),
      directory,
      manager: commands,
      start,
      install,
      native,
      caches: install.any ? buildCaches(app, own.build) : [],
      staged: apart || start.build !== null || (install.scripts.length > 0 && develops),
      before: scriptLines(root, commands.run, 'heroku-prebuild'),
      after: scriptLines(root, commands.run, 'heroku-cleanup'),
      managerRuns: Object.values(processTypes).some((line) => runsManager(line, pkg, manager)),
      command: run,
      settings: site && { ...site.settings, ...(directory === '.' ? {} : { users: null }) },
    }),
    ownDockerfile: false,
    early: earlyVariables(tree),
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes,
    origin: declares ? 'Procfile' : 'package.json',
    notes: [
      ...choice.notes,
      ...start.notes,
      ...(site?.notes ?? []),
      ...notes,
      ...notesOn(tree, root, manager),
      ...needNotes(need),
    ],
  }
}

interface Building {
  readonly root: PackageJson
  readonly choice: Choice
  readonly run: string
  /** What comes before the app's own build. */
  readonly first: string | null
}

/** The build; that of a package of a workspace after those that it is built with, by Turborepo where that is set up. */
function buildLine({ root, choice, run, first }: Building, build: string | null): string | null {
  const { directory, pkg, members } = choice
  const own = [first, build].filter((line) => line !== null)
  if (directory === '.') return own.length === 0 ? null : own.join(' && ')
  const enter = `cd ${directory}`
  if (has(root, 'turbo') && pkg.name !== undefined && build === `${run} build`) {
    const turbo = `TURBO_TELEMETRY_DISABLED=1 turbo run build --env-mode=loose --filter=${pkg.name} && ${enter}`
    return first === null ? turbo : `(${enter} && ${first}) && ${turbo}`
  }
  const before = builtBefore(members, { directory, pkg }).map((one) => `(cd ${one.directory} && ${run} build)`)
  return before.length + own.length === 0 ? null : [...before, enter, ...own].join(' && ')
}

/** Config vars by which Heroku's users keep what is for development. */
const keepsDevelopment = (variables: Readonly<Record<string, string>>): boolean =>
  ['NPM_CONFIG_PRODUCTION', 'YARN_PRODUCTION'].some((name) => variables[name] === 'false') ||
  ['PNPM_SKIP_PRUNING', 'YARN2_SKIP_PRUNING'].some((name) => variables[name] === 'true')

/** pnpm alone reads these, and nothing that runs the app does; a package.yaml is Haskell's as well. */
function otherManifest(tree: Tree): null {
  const file = ['package.json5', 'package.yaml'].find((name) => tree.hasFile(name))
  if (file === undefined || unknownLanguage(tree) !== null) return null
  throw new BerthError(
    'invalid',
    `there is a ${file} and no package.json`,
    `write ${file} as package.json: Node.js and npm read no other`,
  )
}

function nothingStarts(tree: Tree): BerthError {
  const apps = tree.hasFile('nx.json') ? foldersOf(tree).filter((one) => tree.hasFile(`${one}/project.json`)) : []
  const [first = ''] = apps
  if (apps.length > 0)
    return new BerthError(
      'invalid',
      `package.json does not say which project of this Nx workspace is the app: ${apps.slice(0, 8).join(', ')}`,
      `write into package.json for example "build": "nx build ${first.split('/').at(-1) ?? ''}", and "start": "node dist/${first}/main.js" unless it is a site`,
    )
  return new BerthError(
    'invalid',
    'package.json does not say how to start the app',
    'add a "start" script to package.json, a `web:` line to a Procfile, or a server.js; a "build" script alone makes a site',
  )
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
  if (
    manager.name === 'berry' &&
    commandsFor(manager, null).prune === null &&
    Object.keys(pkg.devDependencies).length > 0
  )
    notes.push('Yarn before version 4 cannot take away what is for development: it stays in the image')
  if (tree.hasDirectory('node_modules'))
    notes.push('node_modules is in git and is left out: add it to .gitignore and `git rm -r --cached node_modules`')
  return notes
}
