import { dirname } from 'node:path/posix'
import type { Tree } from '../tree.js'
import { django } from './django.js'
import { quoted, type WebProcess } from './process.js'
import type { Project } from './project.js'
import { shown } from './shown.js'

/** gunicorn's heartbeat file on a disk stalls its workers. */
export const gunicorn = (target: string, options = ''): string =>
  `gunicorn ${quoted(target)} ${options}--bind 0.0.0.0:$PORT --workers \${WEB_CONCURRENCY:-2} --worker-tmp-dir /dev/shm`

/** uvicorn behind a proxy, which it trusts to say who asks. */
export const uvicorn = (target: string, options = ''): string =>
  `uvicorn ${quoted(target)} ${options}--host 0.0.0.0 --port $PORT --workers \${WEB_CONCURRENCY:-1} --proxy-headers --forwarded-allow-ips '*'`

const entries = ['app.py', 'main.py', 'wsgi.py', 'asgi.py', 'server.py', 'api.py', 'run.py', 'application.py']
/** What a program is called where nothing else is known of it. */
export const programs = ['main.py', 'app.py', 'server.py', 'start.py', 'run.py', 'bot.py', 'hello.py', 'index.py']

/** Servers that programs start themselves, and that variables tell where to listen. */
const toldBy = [
  { name: 'gradio', title: 'Gradio', variables: 'GRADIO_SERVER_PORT=$PORT' },
  { name: 'robyn', title: 'Robyn', variables: 'ROBYN_HOST=0.0.0.0 ROBYN_PORT=$PORT' },
]

/** Frameworks by their objects, `app = FastAPI(…)`, and the server that each wants. */
const kinds = [
  {
    packages: ['fastapi', 'starlette', 'litestar', 'quart', 'python-fasthtml'],
    classes: 'FastAPI|Starlette|Litestar|Quart|FastHTML',
    server: 'uvicorn',
  },
  { packages: ['blacksheep'], classes: 'Application', server: 'uvicorn' },
  {
    packages: ['connexion', 'esmerald', 'ravyn', 'starlite'],
    classes: 'AsyncApp|Esmerald|Ravyn|Starlite',
    server: 'uvicorn',
  },
  { packages: ['falcon'], classes: 'falcon\\.asgi\\.App|asgi\\.App', server: 'uvicorn' },
  { packages: ['falcon'], classes: 'falcon\\.(?:App|API)', server: 'gunicorn' },
  { packages: ['flask', 'apiflask', 'dash', 'bottle'], classes: '(?:API)?Flask|Dash|Bottle', server: 'gunicorn' },
] as const
const titles: Readonly<Record<string, string>> = {
  fastapi: 'FastAPI',
  'python-fasthtml': 'FastHTML',
  blacksheep: 'BlackSheep',
  apiflask: 'APIFlask',
}

/** What starts an app: its framework's server, else its program; null when there is neither. */
export function webProcess(tree: Tree, project: Project): WebProcess | null {
  const { names } = project
  const site = django(tree, names)
  if (site !== null) {
    const server = site.asgi === null ? 'gunicorn' : names.has('daphne') ? undefined : 'uvicorn'
    const at = site.directory === '.' ? '' : site.directory
    const command =
      site.asgi === null
        ? gunicorn(site.wsgi, at && `--chdir ${at} `)
        : server === undefined
          ? `${at && `cd ${at} && `}daphne -b 0.0.0.0 -p $PORT --proxy-headers ${site.asgi}`
          : uvicorn(site.asgi, at && `--app-dir ${at} `)
    return { command, framework: 'Django', ...(server === undefined ? {} : { server }) }
  }
  return (
    object(tree, names) ??
    sanic(tree, names) ??
    aiohttp(tree, names) ??
    pyramid(tree, names) ??
    shown(tree, names) ??
    served(tree, names) ??
    program(tree, project)
  )
}

/** The object of a framework, or the function that makes it, and its server. */
function object(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  const files = candidates(tree).map((file) => ({ file, text: tree.read(file) ?? '' }))
  for (const { packages, classes, server } of kinds) {
    const name = packages.find((one) => names.has(one))
    if (name === undefined || !files.some(({ text }) => new RegExp(`\\b(?:${classes})\\(`).test(text))) continue
    const framework = titles[name] ?? `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
    const made = `^(\\w+)\\s*(?::[^=\\n]+)?=\\s*(?:[\\w.]+\\.)?(?:`
    const patterns = [
      ...(name === 'dash' ? [/^(server)\s*=\s*\w+\.server\b/m] : []),
      new RegExp(`${made}${classes})\\(`, 'm'),
      new RegExp(`${made}create_app|make_app|get_app)\\(`, 'm'),
      /^from\s+\S+\s+import\s+(?:.*,\s*)?(?:\w+\s+as\s+)?(app|application)\b/m,
    ]
    const found = first(files, patterns)
    if (found !== null) {
      const target = `${moduleOf(tree, found.file)}:${found.name}`
      return { framework, server, command: server === 'uvicorn' ? uvicorn(target) : gunicorn(target) }
    }
    const factory = first(files, [/^def\s+(create_app|make_app)\s*\(/m])
    if (factory === null) continue
    const target = `${moduleOf(tree, factory.file)}:${factory.name}`
    return {
      framework,
      server,
      command: server === 'uvicorn' ? uvicorn(target, '--factory ') : gunicorn(`${target}()`),
    }
  }
  return null
}

/** The first file in which a pattern finds a name; the patterns one after the other. */
function first(
  files: readonly { readonly file: string; readonly text: string }[],
  patterns: readonly RegExp[],
): { file: string; name: string } | null {
  for (const pattern of patterns)
    for (const { file, text } of files) {
      const name = pattern.exec(text)?.[1]
      if (name !== undefined) return { file, name }
    }
  return null
}

/** Its own server, which its own command starts. */
function sanic(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  if (!names.has('sanic')) return null
  const files = candidates(tree).map((file) => ({ file, text: tree.read(file) ?? '' }))
  const found = first(files, [/^(\w+)\s*(?::[^=\n]+)?=\s*(?:sanic\.)?Sanic\(/m])
  if (found === null) return null
  const command = `sanic ${moduleOf(tree, found.file)}:${found.name} --host 0.0.0.0 --port $PORT --workers \${WEB_CONCURRENCY:-1}`
  return { framework: 'Sanic', command }
}

/** A program that leaves the port to aiohttp, which takes 8080 then: gunicorn serves what it would. */
function aiohttp(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  if (!names.has('aiohttp')) return null
  for (const file of candidates(tree)) {
    const text = tree.read(file) ?? ''
    const name = /^(\w+)\s*(?::[^=\n]+)?=\s*(?:aiohttp\.)?(?:web\.)?Application\(/m.exec(text)?.[1]
    // gunicorn imports the file: what it does without being asked may not listen
    if (name === undefined || !new RegExp(`^if __name__ ==[^]*\\brun_app\\(\\s*${name}\\s*\\)`, 'm').test(text))
      continue
    const target = `${moduleOf(tree, file)}:${name}`
    const command = gunicorn(target, '--worker-class aiohttp.GunicornWebWorker ').replace(':-2', ':-1')
    return { framework: 'aiohttp', server: 'gunicorn', command }
  }
  return null
}

/** Made at the top of a file, or where its configurator is at hand. */
function pyramid(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  if (!names.has('pyramid')) return null
  const files = candidates(tree).map((file) => ({ file, text: tree.read(file) ?? '' }))
  const found = first(files, [
    /^(\w+)\s*=\s*\w+\.make_wsgi_app\(/m,
    /^with Configurator\(.*\) as \w+:\n(?:[ \t].*\n|\n)*?[ \t]+(\w+)\s*=\s*\w+\.make_wsgi_app\(/m,
  ])
  if (found === null) return null
  const command = gunicorn(`${moduleOf(tree, found.file)}:${found.name}`)
  return { framework: 'Pyramid', server: 'gunicorn', command }
}

/** The object that the server which an app brings would be given, whatever made it. */
function served(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  const brings = (server: string): boolean =>
    names.has(server) || [...names].some((name) => name.endsWith(`[${server}]`))
  const server = (['uvicorn', 'gunicorn'] as const).find(brings)
  if (server === undefined) return null
  const files = candidates(tree).map((file) => ({ file, text: tree.read(file) ?? '' }))
  const found = first(files, [/^(app|application|api)\s*(?::[^=\n]+)?=(?!.*\b(?:Typer|Celery|ArgumentParser)\()/m])
  if (found === null) return null
  const target = `${moduleOf(tree, found.file)}:${found.name}`
  return { command: server === 'uvicorn' ? uvicorn(target) : gunicorn(target) }
}

function program(tree: Tree, { names, scripts }: Project): WebProcess | null {
  const file = [...programs, 'src/main.py', 'src/app.py'].find((name) => tree.hasFile(name))
  if (file !== undefined) {
    const command = `python ${file}`
    if (names.has('nicegui')) return { framework: 'NiceGUI', command, port: niceguiPort(tree.read(file) ?? '') }
    const told = toldBy.find(({ name }) => names.has(name))
    return told === undefined ? { command } : { framework: told.title, command: `${told.variables} ${command}` }
  }
  const packages = [...tree.names(), ...tree.names('src').map((name) => `src/${name}`)]
  const main = packages.find((name) => tree.hasFile(`${name}/__main__.py`))
  if (main !== undefined) return { command: `python -m ${moduleOf(tree, `${main}/__init__.py`)}` }
  return script(scripts)
}

/** Its own server takes the port that it is called with, or 8080. A port that the program looks up is told by PORT as well. */
function niceguiPort(text: string): number {
  const port = Number(/\bui\.run\([^]{0,300}?\bport\s*=\s*(\d{1,5})\b/.exec(text)?.[1])
  return port > 0 && port < 65_536 ? port : 8080
}

/** The only program that pyproject.toml names, or the one of several that is called as web processes are. */
function script(scripts: Project['scripts']): WebProcess | null {
  const name =
    scripts.size === 1
      ? [...scripts.keys()][0]
      : ['web', 'server', 'serve', 'app', 'start'].find((one) => scripts.has(one))
  const [module, made] = scripts.get(name ?? '')?.split(':') ?? []
  if (module === undefined || made === undefined) return null
  return { command: `python -c 'import sys; from ${module} import ${made}; sys.exit(${made}())'` }
}

/** Files that may have the app's object: at the top, then in the packages. */
function candidates(tree: Tree): string[] {
  const directories = (path: string): string[] =>
    tree
      .names(path)
      .filter((name) => /^[A-Za-z_]\w*$/.test(name) && !/^(?:tests?|docs|static|templates|venv)$/.test(name))
      .map((name) => (path === '.' ? name : `${path}/${name}`))
      .filter((name) => tree.hasDirectory(name))
      .slice(0, 40)
  const all = ['.', ...directories('.'), ...(tree.hasDirectory('src') ? directories('src') : [])]
  const named = all.flatMap((directory) => entries.map((file) => (directory === '.' ? file : `${directory}/${file}`)))
  const others = tree
    .names()
    .filter((name) => /^[A-Za-z_]\w*\.py$/.test(name) && name !== 'setup.py')
    .slice(0, 40)
  const packages = all.slice(1).map((directory) => `${directory}/__init__.py`)
  return [...new Set([...named, ...packages, ...others])].filter((file) => tree.hasFile(file))
}

/** A file as Python imports it; what lies in `src` is imported from there where that is no package itself. */
function moduleOf(tree: Tree, file: string): string {
  const path = file.startsWith('src/') && !tree.hasFile('src/__init__.py') ? file.slice(4) : file
  return (path.endsWith('/__init__.py') ? dirname(path) : path.replace(/\.py$/, '')).replaceAll('/', '.')
}
