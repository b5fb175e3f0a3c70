import { siteStage } from '../static/stage.js'
import type { ManagerCommands } from './manager-commands.js'
import type { Start } from './start.js'

/** All that decides a Dockerfile. Lines are for a shell, paths relative to the app's folder. */
export interface Recipe {
  readonly image: string
  readonly manager: ManagerCommands
  readonly start: Start
  /** Files that the installation is from; null when it needs the whole tree. */
  readonly packageFiles: readonly string[] | null
  /** Whether there is anything to install. */
  readonly installs: boolean
  /** Whether what is for development is installed, in a stage that does not get into the image. */
  readonly staged: boolean
  /** Whether it stays. */
  readonly keepsDevelopment: boolean
  /** Scripts of the app (`npm run x`) before the installation, and after all. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** Whether what runs is run by the package manager. */
  readonly managerRuns: boolean
  /** The image's own command. */
  readonly command: string | null
}

const home = '/app'
const copyAll = 'COPY --chown=node:node . .'
const user = ['USER node']

const environment = (variables: Readonly<Record<string, string>>): string =>
  `ENV ${Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`

/**
 * The Dockerfile. Whatever is installed and built belongs to the user that runs it: caches below node_modules and .next
 * are written to at run time. What is there for the build alone stays in a stage of its own.
 */
export function dockerfileOf(recipe: Recipe): string {
  const { image, start, staged, command } = recipe
  const first = [
    `FROM ${image}${staged ? ' AS build' : ''}`,
    ...placeOf(recipe, start.buildEnv, true),
    ...buildOf(recipe),
  ]
  const last = staged ? ['', ...lastStage(recipe)] : []
  const runs = command === null || start.site !== null ? [] : [`CMD ${JSON.stringify(['/bin/sh', '-c', command])}`]
  return [...first, ...last, ...runs, ''].join('\n')
}

/** Where the app lies, and who runs it. */
function placeOf(
  { manager, start, staged, managerRuns }: Recipe,
  extra: Readonly<Record<string, string>>,
  building: boolean,
): string[] {
  const here = building && staged ? extra : { ...start.env, ...(staged ? {} : extra) }
  const variables = { NODE_ENV: 'production', HOST: '0.0.0.0', ...here, PATH: `${home}/node_modules/.bin:$PATH` }
  const setup = (building || managerRuns) && manager.setup !== null ? [`RUN ${manager.setup}`] : []
  return [environment(variables), `WORKDIR ${home}`, `RUN chown node:node ${home}`, ...setup, ...user]
}

/** From the files to what is built. */
function buildOf({
  manager,
  start,
  packageFiles,
  installs,
  staged,
  keepsDevelopment,
  before,
  after,
}: Recipe): string[] {
  const mounted = `RUN --mount=type=cache,target=${manager.cache},uid=1000,gid=1000${manager.alone ? ',sharing=locked' : ''}`
  const early = packageFiles !== null && installs && before.length === 0
  const prunes = staged && installs && !keepsDevelopment && start.site === null && start.output === null
  return [
    ...(early ? copies(packageFiles) : [copyAll]),
    ...before.map((line) => `${mounted} ${line}`),
    ...(installs ? [`${mounted} ${manager.install(staged || keepsDevelopment)}`] : []),
    ...(early ? [copyAll] : []),
    ...(start.build === null ? [] : [`${mounted} ${finished(start)}`]),
    ...(prunes && manager.prune !== null ? [`${mounted} ${manager.prune}`] : []),
    ...after.map((line) => `RUN ${line}`),
  ]
}

/** A folder is copied to its own name, files to where they all go. */
function copies(files: readonly string[]): string[] {
  const folders = files.filter((file) => file.endsWith('/'))
  const plain = files.filter((file) => !file.endsWith('/'))
  return [
    `COPY --chown=node:node ${plain.join(' ')} ./`,
    ...folders.map((folder) => `COPY --chown=node:node ${folder.slice(0, -1)} ${folder}`),
  ]
}

/** The build, and what makes a whole of it. */
function finished({ build, site, output }: Start): string {
  if (site !== null) return `${build ?? ''} && ${foundSite(site.places)}`
  return output?.finish === undefined ? (build ?? '') : `${build ?? ''} && ${output.finish}`
}

const siteAt = '/tmp/site'

/** A configuration is a program, so that where a build puts its site is known for certain only when it is over. */
const foundSite = (places: readonly string[]): string =>
  [
    `for place in ${places.join(' ')}; do`,
    `if [ -f "$place/index.html" ] || [ -f "$place/200.html" ]; then echo "Serving $place/"; mv "$place" ${siteAt}; break; fi; done;`,
    `[ -d ${siteAt} ] || { echo "The build made no site: there is no index.html in ${places.join('/, ')}/" >&2; exit 1; }`,
  ].join(' ')

function lastStage(recipe: Recipe): string[] {
  const { start, image } = recipe
  if (start.site !== null) return siteStage({ stage: 'build', place: siteAt, fallback: start.site.fallback })
  const { output } = start
  const from = output ? `${home}/${output.from}` : home
  const to = output && output.to !== '.' ? `${home}/${output.to}` : home
  return [`FROM ${image}`, ...placeOf(recipe, {}, false), `COPY --from=build --chown=node:node ${from} ${to}`]
}
