import { plainSettings, type SiteSettings } from '../static/settings.js'
import { siteStage } from '../static/stage.js'
import type { ManagerCommands } from './manager-commands.js'
import type { Native } from './native.js'
import type { Start } from './start.js'
import { commandLines, home } from '../image-lines.js'
import { apart, apartAt } from '../apart.js'

/** All that decides a Dockerfile. Lines are for a shell, paths relative to the app's folder. */
export interface Recipe {
  readonly image: string
  /** The app's folder in its workspace; '.' for the root. */
  readonly directory: string
  readonly manager: ManagerCommands
  readonly start: Start
  readonly install: Installation
  readonly native: Native
  /** Folders that the build finds as the last one left them. */
  readonly caches: readonly string[]
  /** Whether it is built in a stage that does not get into the image. */
  readonly staged: boolean
  /** Scripts of the app (`npm run x`) before the installation, and after all. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** Whether what runs is run by the package manager. */
  readonly managerRuns: boolean
  /** The image's own command. */
  readonly command: string | null
  /** How the site is served, where a build makes one. */
  readonly settings: SiteSettings | null
}

/** What is installed, and from what. */
export interface Installation {
  /** The files that it is from, folders with a `/` at the end; null when it needs the whole tree. */
  readonly files: readonly string[] | null
  /** Whether there is anything to install. */
  readonly any: boolean
  /** Scripts that the package manager would run itself, before there is the code that they need. */
  readonly scripts: readonly string[]
  /** Whether what is for development is not wanted when it is built. */
  readonly prunes: boolean
  /** Whether a build leaves in node_modules what runs: then those that were built with are pruned, not others. */
  readonly changes: boolean
}

const copyAll = 'COPY --chown=node:node . .'

/**
 * The Dockerfile. Whatever is installed and built belongs to the user that runs it: caches below node_modules and .next
 * are written to at run time. What is there for the build alone stays in a stage of its own, and a change of the code
 * repeats nothing of the installation.
 */
export function dockerfileOf(recipe: Recipe): string {
  const { start, command, staged, directory } = recipe
  const runs = commandLines(start.site === null ? command : null)
  const stages = !staged ? oneStage(recipe) : splits(recipe) ? splitStages(recipe) : twoStages(recipe)
  const inside = directory === '.' || start.site !== null ? [] : [`WORKDIR ${home}/${directory}`]
  return [...stages, ...inside, ...runs, ''].join('\n')
}

/** What runs for production can be taken from beside the build, where it is the same at each. */
const splits = ({ start, install, before, after, manager }: Recipe): boolean =>
  manager.prune !== null &&
  start.site === null &&
  !start.output &&
  install.files !== null &&
  install.any &&
  install.prunes &&
  !install.changes &&
  before.length + after.length === 0

function oneStage(recipe: Recipe): string[] {
  const { start, image } = recipe
  return [
    `FROM ${image}`,
    ...place(recipe, { ...recipe.native.env, ...start.env, ...start.buildEnv }, true),
    ...installed(recipe),
    ...built(recipe),
    ...ended(recipe),
  ]
}

function twoStages(recipe: Recipe): string[] {
  const { start, image, install, manager } = recipe
  const prune = install.any && install.prunes && start.site === null && !start.output ? manager.prune : null
  return [
    `FROM ${image} AS build`,
    ...place(recipe, start.buildEnv, true),
    ...installed(recipe),
    ...built(recipe),
    ...(prune === null ? [] : [`${cached(manager)} ${prune}`]),
    ...ended(recipe),
    '',
    ...lastStage(recipe, []),
  ]
}

function splitStages(recipe: Recipe): string[] {
  const { start, image, manager } = recipe
  const modules = `COPY --from=production --chown=node:node ${home}/node_modules ${home}/node_modules`
  return [
    `FROM ${image} AS dependencies`,
    ...place(recipe, start.buildEnv, true),
    ...installed(recipe).slice(0, -1),
    '',
    'FROM dependencies AS production',
    `${cached(manager)} ${manager.prune ?? ''} && mkdir -p node_modules`,
    '',
    'FROM dependencies AS build',
    copyAll,
    ...withoutModules(recipe),
    '',
    ...lastStage(recipe, [modules], apartAt),
  ]
}

/** In the step that builds, where what it made can be moved without a copy; a folder that a cache is mounted in cannot. */
function withoutModules(recipe: Recipe): string[] {
  const lines = built(recipe)
  const last = lines.at(-1)
  if (last === undefined || recipe.caches.length > 0) return [...lines, `RUN ${apart}`]
  return [...lines.slice(0, -1), `${last} && ${apart}`]
}

const cached = ({ cache, alone }: ManagerCommands): string =>
  `RUN --mount=type=cache,target=${cache},uid=1000,gid=1000${alone ? ',sharing=locked' : ''}`

/** Where the app lies, and who runs it. */
function place(recipe: Recipe, extra: Readonly<Record<string, string>>, building: boolean): string[] {
  const { manager, managerRuns, native, directory } = recipe
  const managed = building || managerRuns
  // node-gyp compiles a file after the other unless it is told
  const needed = building ? { ...native.buildEnv, ...(native.compiles ? { JOBS: '4' } : {}) } : native.env
  const variables = { NODE_ENV: 'production', HOST: '0.0.0.0', ...(managed ? manager.env : {}), ...needed, ...extra }
  const all = Object.entries({ ...variables, PATH: [...binaries(directory), '$PATH'].join(':') })
  return [
    ...debian(building ? native.build : native.run),
    ...(building && native.compiles ? [`RUN ${gyp}`] : []),
    `ENV ${all.map(([name, value]) => `${name}=${value}`).join(' ')}`,
    `WORKDIR ${home}`,
    `RUN chown node:node ${home}`,
    ...(managed && manager.setup !== null ? [`RUN ${manager.setup}`] : []),
    'USER node',
  ]
}

const binaries = (directory: string): string[] =>
  [directory, '.']
    .slice(directory === '.' ? 1 : 0)
    .map((one) => `${one === '.' ? home : `${home}/${one}`}/node_modules/.bin`)

const debian = (packages: readonly string[]): string[] =>
  packages.length === 0
    ? []
    : [
        `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/*`,
      ]

/**
 * The headers, from Node.js's npm package where the image has none, to where node-gyp, whichever, has those that it has
 * downloaded: npm 11 warns of the setting that would name another place. And npm's node-gyp for managers that have none.
 */
const gyp = [
  'if [ ! -d /usr/local/include/node ]; then cd /tmp && npm pack --silent "node-linux-$(node -p process.arch)@$NODE_VERSION"',
  '&& tar -xzf node-linux-*.tgz -C /usr/local --strip-components=1 package/include && rm node-linux-*.tgz; fi',
  '&& ln -sf "$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js" /usr/local/bin/node-gyp && chmod +x /usr/local/bin/node-gyp',
  '&& at="/home/node/.cache/node-gyp/$NODE_VERSION" && mkdir -p "$at" && ln -s /usr/local/include "$at/include"',
  '&& echo 99 > "$at/installVersion" && chown -R node:node /home/node/.cache',
].join(' ')

/** The installation, and the code; the code comes last, where it can. */
function installed({ manager, install, staged, before, caches }: Recipe): string[] {
  const { files, any, scripts, prunes } = install
  // who mounts over a folder that is not there makes it root's
  const places = caches.length === 0 ? '' : ` && mkdir -p ${caches.join(' ')}`
  const line = manager.install(staged || !prunes) + places
  const first = [copyAll, ...before.map((one) => `${cached(manager)} ${one}`)]
  if (!any) return first
  if (files === null || before.length > 0) return [...first, `${cached(manager)} ${line}`]
  const without = scripts.length === 0 ? '' : `npm pkg delete ${scripts.map((name) => `scripts.${name}`).join(' ')} && `
  return [...copies(files), `${cached(manager)} ${without}${line}`, copyAll]
}

/** A folder is copied to its own name, files to where they all go. */
function copies(files: readonly string[]): string[] {
  const elsewhere = files.filter((file) => file.includes('/'))
  const plain = files.filter((file) => !file.includes('/'))
  return [
    `COPY --chown=node:node ${plain.join(' ')} ./`,
    ...elsewhere.map((path) => {
      const isFolder = path.endsWith('/')
      return `COPY --chown=node:node ${isFolder ? path.slice(0, -1) : path} ${path.slice(0, path.lastIndexOf('/') + 1)}`
    }),
  ]
}

/** As on Heroku, once what is for development has gone. */
const ended = ({ after }: Recipe): string[] => after.map((line) => `RUN ${line}`)

/** What is made of the code: the scripts of the installation that waited for it, and the build. */
function built({ manager, start, install, before, caches }: Recipe): string[] {
  const waited = install.files === null || before.length > 0 ? [] : lifecycle(install.scripts)
  const kept = caches.map((place) => ` --mount=type=cache,target=${home}/${place},uid=1000,gid=1000,sharing=locked`)
  return [
    ...waited.map((name) => `${cached(manager)} ${manager.run} ${name}`),
    ...(start.build === null ? [] : [`${cached(manager)}${kept.join('')} ${finished(start, start.build)}`]),
  ]
}

/** Those of some scripts that are to be run, in order: each brings those with `pre` and `post` before its name. */
function lifecycle(scripts: readonly string[]): string[] {
  const known = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']
  const brought = scripts.flatMap((name) => [`pre${name}`, `post${name}`])
  return known.filter((name) => scripts.includes(name) && !brought.includes(name))
}

/** The build, and what makes a whole of it. */
function finished({ site, output }: Start, build: string): string {
  if (site !== null) return `${build} && ${foundSite(site.places)}`
  return output?.finish === undefined ? build : `${build} && ${output.finish}`
}

const siteAt = '/tmp/site'

/** A configuration is a program, so that where a build puts its site is known for certain only when it is over. */
const foundSite = (places: readonly string[]): string =>
  [
    `for place in ${places.join(' ')}; do`,
    `if [ -f "$place/index.html" ] || [ -f "$place/200.html" ]; then echo "Serving $place/"; mv "$place" ${siteAt}; break; fi; done;`,
    `[ -d ${siteAt} ] || { echo "The build made no site: there is no index.html in ${places.join('/, ')}/" >&2; exit 1; }`,
  ].join(' ')

/** @param built where the build stage has the app */
function lastStage(recipe: Recipe, first: readonly string[], built: string = home): string[] {
  const { start, image, directory, settings } = recipe
  if (start.site !== null)
    return siteStage({
      stage: 'build',
      place: siteAt,
      fallback: start.site.fallback,
      settings: settings ?? plainSettings,
    })
  const { output } = start
  const at = directory === '.' ? home : `${home}/${directory}`
  const from = output ? `${at}/${output.from}` : built
  const to = output && output.to !== '.' ? `${at}/${output.to}` : home
  return [
    `FROM ${image}`,
    ...place(recipe, start.env, false),
    ...first,
    `COPY --from=build --chown=node:node ${from} ${to}`,
  ]
}
