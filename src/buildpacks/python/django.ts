import { dirname, join } from 'node:path/posix'
import type { Tree } from '../tree.js'

/** A Django project in a tree. */
export interface DjangoProject {
  /** Where its manage.py lies. */
  readonly directory: string
  /** `mysite.wsgi:application`. */
  readonly wsgi: string
  /** The same for a server that speaks ASGI, where the project is made for one. */
  readonly asgi: string | null
  /** Whether its settings say where static files are collected. */
  readonly collects: boolean
  /** Whether it has migrations, its own or Django's. */
  readonly migrates: boolean
}

/** So deep below the top a manage.py is looked for. */
const deepest = 3

/** The Django project of a tree: the one whose manage.py is nearest to the top. */
export function django(tree: Tree, names: ReadonlySet<string>): DjangoProject | null {
  const directory = nearest(tree)
  if (directory === null) return null
  const at = (path: string): string => join(directory, path)
  const manage = tree.read(at('manage.py')) ?? ''
  if (!manage.includes('django')) return null
  const packages = tree.names(directory).filter((name) => tree.hasDirectory(at(name)))
  const setting = /DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]/.exec(manage)?.[1] ?? ''
  const settings = settingsOf(tree, at(setting.replaceAll('.', '/')))
  const home = packages.find((name) => tree.hasFile(at(`${name}/wsgi.py`))) ?? setting.split('.')[0] ?? ''
  const named = (option: string): string | null => {
    const path = new RegExp(`^${option}\\s*=\\s*['"]([\\w.]+)\\.(\\w+)['"]`, 'm').exec(settings)
    return path === null ? null : `${path[1] ?? ''}:${path[2] ?? ''}`
  }
  const speaksAsgi = ['channels', 'daphne'].some((name) => names.has(name))
  return {
    directory,
    wsgi: named('WSGI_APPLICATION') ?? `${home}.wsgi:application`,
    asgi: speaksAsgi ? named('ASGI_APPLICATION') : null,
    collects: /^\s*STATIC_ROOT\s*[:=]/m.test(settings),
    migrates: /^DATABASES\b/m.test(settings),
  }
}

function nearest(tree: Tree): string | null {
  let level = ['.']
  for (let depth = 0; depth < deepest; depth += 1) {
    const found = level.find((directory) => tree.hasFile(join(directory, 'manage.py')))
    if (found !== undefined) return found
    level = level
      .flatMap((directory) => tree.names(directory).map((name) => join(directory, name)))
      .filter((path) => !/(?:^|\/)(?:\.|node_modules|venv)/.test(path) && tree.hasDirectory(path))
      .slice(0, 100)
  }
  return null
}

/** The text of a settings module; of all its files where it is a package. */
function settingsOf(tree: Tree, path: string): string {
  const single = tree.read(`${path}.py`)
  const directory = single === null ? path : dirname(path)
  const beside = tree.names(directory).filter((name) => name.endsWith('.py'))
  if (single !== null && !/(?:^|\/)settings\//.test(path)) return single
  return beside.map((name) => tree.read(join(directory, name)) ?? '').join('\n')
}
