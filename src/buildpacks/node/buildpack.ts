import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { siteDirectory } from '../site.js'
import type { Tree } from '../tree.js'
import { npmReason } from './npm-reason.js'
import { parsePackageJson, type PackageJson } from './package-json.js'
import { nodeImage, nodeVersion } from './version.js'

const home = '/app'
/** Scripts npm runs of its own accord on install: they may need the whole tree, not only package.json. */
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']
const quiet = '--no-audit --no-fund --no-update-notifier'
const copyAll = 'COPY --chown=node:node . .'
const cached = 'RUN --mount=type=cache,target=/home/node/.npm,uid=1000,gid=1000'
const ignored = ['.git', 'node_modules', 'npm-debug.log*']

/** A Node.js app: a package.json at the top, installed with npm. */
export const nodejs: Buildpack = {
  name: 'nodejs',
  takes: 'a Node.js app (package.json)',
  landmark: 'package.json',
  plan,
  failure: npmReason,
}

function plan(tree: Tree): Plan | null {
  const text = tree.read('package.json')
  if (text === null) return null
  const pkg = parsePackageJson(text)
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const web = declared.web ?? (declares ? null : startCommand(tree, pkg))
  if (web === null && Object.keys(declared).length === 0) {
    // a site that has a package.json for its tools only
    if (pkg.scripts.build === undefined && siteDirectory(tree) !== null) return null
    throw new BerthError(
      'invalid',
      'package.json does not say how to start the app',
      'add a "start" script to package.json, a `web:` line to a Procfile, or a server.js',
    )
  }
  const { version, notes } = nodeVersion(tree, pkg)
  return {
    buildpack: 'nodejs',
    name: 'Node.js',
    found: 'Node.js app',
    version,
    dockerfile: dockerfileOf(tree, pkg, nodeImage(version), web),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: { ...(web === null ? {} : { web }), ...declared },
    origin: declares ? 'Procfile' : 'package.json',
    notes: [...notes, ...notesOn(tree, pkg)],
  }
}

/**
 * The start script itself rather than `npm start`: npm costs 300 ms at each start and stands between the app and its
 * signals. Where npm does more than run the line (pre and post scripts, its variables), it is npm that runs it.
 */
function startCommand(tree: Tree, pkg: PackageJson): string | null {
  const { start, prestart, poststart } = pkg.scripts
  if (start !== undefined && start.trim() !== '') {
    const needsNpm = prestart !== undefined || poststart !== undefined || /\bnpm_/.test(start)
    return needsNpm ? 'npm start' : start
  }
  const files = [...(pkg.main === undefined ? [] : [pkg.main, `${pkg.main}.js`]), 'server.js', 'index.js']
  const file = files.find((path) => tree.hasFile(path))
  return file === undefined ? null : `node ${quoted(file)}`
}

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)

/**
 * Whatever is installed and built belongs to the user that runs it: caches below node_modules and .next are written to at
 * run time. What is there for the build alone stays in a stage of its own.
 */
function dockerfileOf(tree: Tree, pkg: PackageJson, image: string, web: string | null): string {
  const lock = lockOf(tree)
  const builds = pkg.scripts.build !== undefined
  const scripted = lifecycle.some((name) => pkg.scripts[name] !== undefined)
  // scripts of an installation may need what is for development only, as `husky` or `svelte-kit sync` in `prepare`
  const staged = builds || (scripted && (Object.keys(pkg.devDependencies).length > 0 || pkg.workspaces !== undefined))
  const install = `npm ${lock === undefined ? 'install' : 'ci'} ${staged ? '--include=dev' : '--omit=dev'} ${quiet}`
  const needsTree =
    pkg.workspaces !== undefined ||
    scripted ||
    declaredDependencies(pkg).some(([, range]) => /^(?:file|link|portal):|^[./~]/.test(range))
  const installs = needsTree || declaredDependencies(pkg).length > 0
  const packageFiles = ['package.json', lock, '.npmrc'].filter((name) => name !== undefined && tree.hasFile(name))
  const copy = needsTree || !installs ? [copyAll] : [`COPY --chown=node:node ${packageFiles.join(' ')} ./`]
  const place = [
    `ENV NODE_ENV=production HOST=0.0.0.0 PATH=${home}/node_modules/.bin:$PATH`,
    `WORKDIR ${home}`,
    `RUN chown node:node ${home}`,
    'USER node',
  ]
  return [
    `FROM ${image}${staged ? ' AS build' : ''}`,
    ...place,
    ...copy,
    ...(installs ? [`${cached} ${install}`] : []),
    ...(copy[0] === copyAll ? [] : [copyAll]),
    ...(builds ? [`${cached} npm run build`] : []),
    ...(staged && installs ? [`RUN npm prune --omit=dev --ignore-scripts ${quiet}`] : []),
    ...(staged ? ['', `FROM ${image}`, ...place, `COPY --from=build --chown=node:node ${home} ${home}`] : []),
    ...(web === null ? [] : [`CMD ${JSON.stringify(['/bin/sh', '-c', web])}`]),
    '',
  ].join('\n')
}

const lockOf = (tree: Tree): string | undefined =>
  ['npm-shrinkwrap.json', 'package-lock.json'].find((name) => tree.hasFile(name))

const declaredDependencies = (pkg: PackageJson): [string, string][] =>
  [pkg.dependencies, pkg.devDependencies, pkg.optionalDependencies, pkg.peerDependencies].flatMap((all) =>
    Object.entries(all),
  )

function notesOn(tree: Tree, pkg: PackageJson): string[] {
  const notes: string[] = []
  const other = ['yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb'].find((name) => tree.hasFile(name))
  if (lockOf(tree) === undefined && declaredDependencies(pkg).length > 0)
    notes.push(
      other === undefined
        ? 'no package-lock.json: versions may differ at each build; run `npm install` and commit the lock file'
        : `${other} is not used: Berth installs with npm; commit a package-lock.json to fix the versions`,
    )
  if (tree.hasDirectory('node_modules'))
    notes.push('node_modules is in git and is left out: add it to .gitignore and `git rm -r --cached node_modules`')
  return notes
}
