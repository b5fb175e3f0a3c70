import { withoutComments } from '../jsonc.js'
import { resolved, type Command } from './commands.js'
import { servesForDevelopment, withoutWatching } from './dev-server.js'
import type { NodeApp, PackageJson } from './package-json.js'

/** What the start script of a package.json says. */
export interface StartScript {
  /** As it stands there. */
  readonly line: string
  /** What starts it. */
  readonly command: string
  /** Whether it serves for development only. */
  readonly develops: boolean
  readonly notes: readonly string[]
}

/** Names of start scripts, in the order in which they are looked for; NestJS calls the one for production so. */
const startNames = ['start', 'start:prod', 'start:production']

/**
 * The start script itself rather than `npm start`: npm costs 300 ms at each start and stands between the app and its
 * signals. Where npm does more than run the line (pre and post scripts, its variables), it is npm that runs it.
 * @param run what runs a script: `npm run`
 */
export function startScript({ scripts }: PackageJson, run: string): StartScript | null {
  const name = startNames.find((one) => (scripts[one] ?? '').trim() !== '') ?? 'start'
  const line = (scripts[name] ?? '').trim()
  if (line === '') return null
  const more =
    [`pre${name}`, `post${name}`].some((hook) => scripts[hook] !== undefined) || /\bnpm_|\bINIT_CWD\b/.test(line)
  const commands = resolved(line, scripts)
  const develops = commands.some(servesForDevelopment) && !commands.some(runsFile)
  const [first] = commands
  const still = commands.length === 1 && first !== undefined && !more ? withoutWatching(first) : null
  const port = !more && line.length < 4_000 ? fixedPort.exec(line) : null
  if (port !== null) {
    const command = line.replace(fixedPort, '$1$PORT')
    return { line, command, develops, notes: [`the start script \`${line}\` names a port: \`${command}\` is run`] }
  }
  if (still === null) return { line, command: more ? `${run} ${name}` : line, develops, notes: [] }
  return {
    line,
    command: still,
    develops,
    notes: [`the start script \`${line}\` watches for changes: \`${still}\` is run`],
  }
}

/** Servers of others that are told a port, where the router looks for the app at another. */
const fixedPort =
  /^((?:[^;|]*&&\s*)?(?:[A-Z_]+=\S+ )*(?:npx )?(?:next start|nuxt start|serve|http-server|sirv|srvx|json-server|fastify start)\b[^;&|]*? (?:-p|-l|--port|--listen)[ =]?)\d{2,5}\b/

const runsFile = ({ program }: Command): boolean => ['node', 'tsx', 'ts-node', 'bun', 'nodemon'].includes(program)

/** Where servers lie that are not at the top; with a build, such files may be what is built for a browser. */
const places = ['server', 'index', 'app', 'main'].flatMap((name) => [`src/${name}.js`, `src/${name}.mjs`])

/** A file that is the app's server. */
export interface ServerFile {
  readonly command: string
  /** Whether its name leaves no doubt. */
  readonly certain: boolean
}

/** The file to start where no script says: the main one, else one of the usual names. */
export function serverFile({ tree, pkg }: NodeApp): ServerFile | null {
  const { main } = pkg
  const files = [
    ...(main === undefined ? [] : [main, `${main}.js`]),
    'server.js',
    'server.mjs',
    'index.js',
    'index.mjs',
  ]
  const file = files.find((path) => tree.hasFile(path))
  if (file !== undefined) return { command: `node ${quoted(file)}`, certain: /^server\.m?js$/.test(file) }
  if (pkg.scripts.build === undefined) {
    const first = ['app.js', 'app.mjs', 'main.js', 'main.mjs', ...places].find((path) => tree.hasFile(path))
    if (first !== undefined) return { command: `node ${first}`, certain: false }
    const [develops, ...more] = resolved(pkg.scripts.dev ?? '', pkg.scripts)
    const still = develops === undefined || more.length > 0 ? null : withoutWatching(develops)
    if (still !== null) return { command: still, certain: false }
  }
  const built = main !== undefined && pkg.scripts.build !== undefined && /^(?:\.\/)?(?:dist|build|lib|out)\//.test(main)
  if (built) return { command: `node ${quoted(main)}`, certain: false }
  const compiled = compiledServer({ tree, pkg })
  return compiled === null ? null : { command: `node ${compiled}`, certain: true }
}

/** What compiles a program and makes no site. */
const compilers = new Set(['tsc', 'tsup', 'swc', 'tspc', 'rimraf', 'tsc-alias'])

/** What a build leaves of a server in TypeScript: the file that its script for development runs, or one of the usual names. */
function compiledServer({ tree, pkg }: Pick<NodeApp, 'tree' | 'pkg'>): string | null {
  const build = resolved(pkg.scripts.build ?? '', pkg.scripts)
  if (build.length === 0 || !build.every(({ program }) => compilers.has(program))) return null
  const told = [...resolved(pkg.scripts.dev ?? '', pkg.scripts), ...build].flatMap(({ args }) => args)
  const usual = ['index', 'server', 'main', 'app'].flatMap((name) => [`src/${name}.ts`, `${name}.ts`])
  const source = [...told.map((arg) => arg.replace(/^\.\//, '')), ...usual].find(
    (path) => /^[\w./-]+\.ts$/.test(path) && !path.includes('..') && tree.hasFile(path),
  )
  if (source === undefined) return null
  const bundles = build.some(({ program }) => program === 'tsup')
  const config = withoutComments(tree.read('tsconfig.json') ?? '')
  const set = /"outDir"\s*:\s*"(?:\.\/)?([\w-]+)\/?"/.exec(config)?.[1]
  const out = set ?? (bundles || build.some(({ program }) => program === 'swc') ? 'dist' : null)
  const made = source.replace(/\.ts$/, '.js')
  if (out === null) return made
  return `${out}/${bundles ? (made.split('/').at(-1) ?? made) : made.replace(/^src\//, '')}`
}

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)
