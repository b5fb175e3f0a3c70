import type { Buildpack, Plan } from '../buildpack.js'
import { apart, apartAt } from '../apart.js'
import { earlyVariables } from '../node/early.js'
import { failureReason } from '../node/failure-reason.js'
import { installationOf } from '../node/installation.js'
import { commandsFor } from '../node/manager-commands.js'
import { lockText, managerOf, type Manager } from '../node/manager.js'
import { nativeOf } from '../node/native.js'
import { declaredDependencies, parsePackageJson, type PackageJson } from '../node/package-json.js'
import { isWorkspace } from '../node/workspace.js'
import { runtimeInstalled, runtimeStage, runtimeVersion, versionIn, type NpmRuntime } from '../npm-runtime.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'
import { bunStart, runsByBun } from './start.js'
import { commandLines, home } from '../image-lines.js'

const ignored = ['.git', '**/node_modules']
const runtime: NpmRuntime = {
  name: 'bun',
  title: 'Bun',
  major: '1',
  range: '>=0.5.0',
  program: 'bun/bin/bun.exe',
}

/** An app that Bun runs. One that Bun only installs is a Node.js app. */
export const bun: Buildpack = {
  name: 'bun',
  takes: 'a Bun app (bun.lock, and a start script that Bun runs)',
  landmark: 'bun.lock',
  plan,
  failure: failureReason,
}

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const text = tree.read('package.json')
  if (text === null) return null
  const pkg = parsePackageJson(text)
  if (!isBuns(tree, pkg)) return null
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const lines = Object.values(declared)
  const start = declares ? null : bunStart(tree, pkg)
  if (declares ? !lines.every((line) => runsByBun(line, pkg)) : start === null) return null
  const manager = managerOf(tree, pkg)
  const native = nativeOf([pkg], lockText(tree, manager.lock))
  // headers and compilers are for the runtime that Node.js apps have
  if (native.build.length + native.run.length > 0) return null
  const version = runtimeVersion(runtime, [
    ['package.json: packageManager', /^bun@([^+]+)/.exec(pkg.packageManager ?? '')?.[1]],
    ['package.json: engines.bun', pkg.engines.bun],
    ['.bun-version', versionIn(tree, '.bun-version')],
    ...toolPins(tree, 'bun'),
    ['BUN_VERSION', variables.BUN_VERSION],
  ])
  const command = declared.web ?? start?.command ?? null
  const build = ['heroku-postbuild', 'build'].find((name) => (pkg.scripts[name] ?? '').trim() !== '')
  const unlocked = manager.lock === undefined && declaredDependencies(pkg).length > 0
  return {
    buildpack: 'bun',
    name: 'Bun',
    found: 'Bun app',
    version,
    dockerfile: dockerfileOf({
      tree,
      pkg,
      manager,
      version,
      build: build === undefined ? null : `bun run ${build}`,
      command,
    }),
    ownDockerfile: false,
    early: earlyVariables(tree),
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: { ...(command === null ? {} : { web: command }), ...declared },
    origin: declares ? 'Procfile' : 'package.json',
    notes: [
      ...(start?.notes ?? []),
      ...(unlocked ? ['no bun.lock: versions may differ at each build; run `bun install`, and commit it'] : []),
    ],
  }
}

/** Bun's own types, which no app of Node.js has. */
const typesOf = ['@types/bun', 'bun-types']

/** Whether Bun is the app's package manager, or it has none: then it may be what runs it too. */
const isBuns = (tree: Tree, pkg: PackageJson): boolean =>
  !isWorkspace(tree, pkg) &&
  (pkg.packageManager?.startsWith('bun@') ??
    (['bun.lock', 'bun.lockb', 'bunfig.toml', '.bun-version'].some((file) => tree.hasFile(file)) ||
      pkg.engines.bun !== undefined ||
      typesOf.some((name) => Object.hasOwn(pkg.devDependencies, name)) ||
      [pkg.scripts.start, pkg.scripts.dev].some((line) => /(?:^|\s)bun\s/.test(line ?? '')))) &&
  !['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml'].some((file) => tree.hasFile(file))

interface Parts {
  readonly tree: Tree
  readonly pkg: PackageJson
  readonly manager: Manager
  readonly version: string
  readonly build: string | null
  readonly command: string | null
}

/**
 * Dependencies are installed from the files that name them; those for development, and what is there for the build alone, in
 * stages that do not get into the image.
 */
function dockerfileOf({ tree, pkg, manager, version, build, command }: Parts): string {
  const commands = commandsFor({ ...manager, name: 'bun' }, null)
  const { files, any, scripts } = installationOf({ tree, root: pkg, members: [], manager, commands }, false)
  const whole = files === null || scripts.length > 0
  const first = whole ? [copyAll] : files.map(copy)
  const install = (development: boolean, more = ''): string[] =>
    any ? [`${cached} ${commands.install(development)}${more}`] : []
  const modules = `${home}/node_modules`
  const stages =
    build === null && !whole
      ? ['FROM base', ...first, ...install(false), copyAll]
      : [
          'FROM base AS dependencies',
          ...first,
          ...install(true),
          '',
          'FROM dependencies AS production',
          ...(any
            ? [`${cached} rm -rf node_modules && ${commands.install(false)} --ignore-scripts && mkdir -p node_modules`]
            : ['RUN mkdir -p node_modules']),
          '',
          'FROM dependencies AS build',
          ...(whole ? [] : [copyAll]),
          `RUN ${build === null ? '' : `${build} && `}${apart}`,
          '',
          'FROM base',
          `COPY --from=production --chown=app:app ${modules} ${modules}`,
          `COPY --from=build --chown=app:app ${apartAt} ${home}`,
        ]
  return [
    ...runtimeStage(runtime, version),
    'FROM debian:bookworm-slim AS base',
    ...runtimeInstalled(runtime),
    `ENV NODE_ENV=production HOME=${home} PATH=${modules}/.bin:$PATH`,
    `WORKDIR ${home}`,
    'USER app',
    '',
    ...stages,
    ...commandLines(command),
    '',
  ].join('\n')
}

const cached = 'RUN --mount=type=cache,target=/home/node/.bun-cache,uid=1000,gid=1000'
const copyAll = 'COPY --chown=app:app . .'

const copy = (file: string): string =>
  file.endsWith('/') ? `COPY --chown=app:app ${file.slice(0, -1)} ${file}` : `COPY --chown=app:app ${file} ./`
