import type { Framework, Made, MadeServer, MadeSite } from './framework.js'
import type { NodeApp, PackageJson } from './package-json.js'
import { serverFrameworks } from './server-frameworks.js'
import { siteFrameworks, unknownSite } from './site-frameworks.js'
import { serverFile, startScript, type StartScript } from './start-script.js'

/** How an app runs, and what is to be built for that. */
export interface Start {
  /** The framework that it is made with, as far as one is known. */
  readonly framework: string | null
  /** What builds it, a line for a shell; null when nothing does. */
  readonly build: string | null
  /** A site to serve, where it is no program that runs. */
  readonly site: MadeSite | null
  /** The command of its web process; null where it has none, and for a site. */
  readonly web: string | null
  readonly env: Readonly<Record<string, string>>
  readonly buildEnv: Readonly<Record<string, string>>
  /** The only folder that the command needs. */
  readonly output: MadeServer['output'] | null
  readonly notes: readonly string[]
}

/** What its Procfile says of the web process: its command, null where it names others only; undefined without a Procfile. */
export type DeclaredWeb = string | null | undefined

/**
 * How an app runs: by its Procfile, its start script, what its framework builds, or a file of the usual names. A start
 * script that serves for development is not run.
 * @param run what runs a script: `npm run`
 * @returns null when nothing tells
 */
export function startOf(app: NodeApp, run: string, declared: DeclaredWeb): Start | null {
  const framework = frameworkOf(app.pkg)
  const made = framework?.makes(app) ?? null
  const base: Start = {
    framework: framework?.name ?? null,
    build: buildOf(app.pkg, run),
    site: null,
    web: null,
    env: made?.kind === 'server' ? (made.env ?? {}) : {},
    buildEnv: made?.buildEnv ?? {},
    output: null,
    notes: [],
  }
  if (declared !== undefined) return { ...base, web: declared }
  // a site is served as one unless it says how it starts: `start:prod` may serve it too, with what is there for development
  const script = made?.kind === 'site' && app.pkg.scripts.start === undefined ? null : startScript(app.pkg, run)
  if (script !== null && !script.develops && made?.insteadOf?.test(script.line) !== true)
    return { ...base, web: script.command, notes: script.notes }
  const file = script === null ? serverFile(app) : null
  if (file !== null && (file.certain || made === null)) return { ...base, web: file.command }
  return builtBy(base, framework, made, script) ?? builtSite(base, app, script)
}

/** What a framework makes, run or served. */
function builtBy(
  base: Start,
  framework: Framework | null,
  made: Made | null,
  script: StartScript | null,
): Start | null {
  const build = base.build ?? framework?.build ?? null
  if (framework === null || made === null || build === null) return null
  if (made.kind === 'site') return served({ ...base, build }, made, framework.name, script)
  if (made.command === null) return null
  const says = `Built with ${framework.name}; running \`${made.command}\``
  const notes = made.quiet === true && script?.develops !== true ? [] : [...notRun(script), says]
  return { ...base, build, web: made.command, output: made.output ?? null, notes }
}

/** What a build script makes that is of no framework known. */
const builtSite = (base: Start, app: NodeApp, script: StartScript | null): Start | null =>
  base.build === null || base.framework !== null ? null : served(base, unknownSite(app), 'the build script', script)

function served(base: Start, site: MadeSite, by: string, script: StartScript | null): Start {
  const paths = site.fallback === 'index' ? ' (index.html answers for paths that have no file)' : ''
  return { ...base, site, notes: [...notRun(script), `Built with ${by}; serving ${site.places[0] ?? ''}/${paths}`] }
}

const notRun = (script: StartScript | null): string[] =>
  script === null
    ? []
    : [
        `the start script \`${script.line}\` is not run: ${script.develops ? 'it is a development server' : 'it does not fit what is built'}`,
      ]

/** The first framework that an app depends on. */
export function frameworkOf({ dependencies, devDependencies }: PackageJson): Framework | null {
  const there = (name: string): boolean => Object.hasOwn(dependencies, name) || Object.hasOwn(devDependencies, name)
  return [...serverFrameworks, ...siteFrameworks].find(({ packages }) => packages.some(there)) ?? null
}

/** As Heroku has it: `heroku-postbuild` takes the place of `build`. */
function buildOf({ scripts }: PackageJson, run: string): string | null {
  const name = ['heroku-postbuild', 'build', 'docs:build'].find((one) => (scripts[one] ?? '').trim() !== '')
  return name === undefined ? null : `${run} ${name}`
}
