import { BerthError } from '../../errors.js'
import { asTable, parseToml } from '../../lib/toml.js'
import { siteDirectory } from '../site.js'
import type { Tree } from '../tree.js'
import { setupFile } from './project.js'
import { programs } from './web.js'

/** Files that say that this is a Python app, whatever is beside them. */
const manifests = ['requirements.txt', 'Pipfile', 'Pipfile.lock', 'uv.lock', 'poetry.lock', 'pdm.lock', 'manage.py']
/** What people write for requirements.txt. */
const misspelt = /^(?:requirements?(?:\.txt)?\.txt|requirements?\.text|requirements?)$/i
const pythonCommand =
  /^\s*(?:\w+=\S+\s+)*(?:python3?|gunicorn|uvicorn|daphne|hypercorn|waitress-serve|streamlit|celery|flask|fastapi|uwsgi|uv|poetry|pipenv)\s/

/** Whether a tree is a Python app. @throws BerthError when it would be one but for the name of a file */
export function choosesPython(tree: Tree, declared: Readonly<Record<string, string>>): boolean {
  const commands = Object.values(declared)
  const named = commands.some((command) => pythonCommand.test(command))
  const manifest = manifests.some((file) => tree.hasFile(file)) || isProject(tree)
  const program = programs.some((file) => tree.hasFile(file))
  const wrong = tree.names().find((name) => misspelt.test(name) && name !== 'requirements.txt' && tree.hasFile(name))
  if (!manifest && wrong !== undefined && (named || program))
    throw new BerthError(
      'invalid',
      `${wrong} is not read: pip's name for it is requirements.txt`,
      `git mv ${wrong} requirements.txt`,
    )
  if (tree.hasFile('package.json')) return named || (manifest && !startsNode(tree, commands))
  if (manifest || named) return true
  // a script beside a finished site is not what is served
  return program && siteDirectory(tree) !== '.'
}

/** A setup.py, or a setup.cfg or pyproject.toml that declares a project; many of them are there for tools alone. */
function isProject(tree: Tree): boolean {
  try {
    const pyproject = parseToml(tree.read('pyproject.toml') ?? '')
    if (setupFile(tree, pyproject) !== undefined || pyproject.project !== undefined) return true
    return ['poetry', 'pdm'].some((name) => name in asTable(pyproject.tool))
  } catch {
    return true // whoever reads it next says what is wrong with it
  }
}

/** Whether the package.json beside it is what starts the app, rather than what makes its assets. */
function startsNode(tree: Tree, commands: readonly string[]): boolean {
  if (commands.some((command) => /^\s*(?:node|npm|npx|yarn|pnpm|bun)\s/.test(command))) return true
  return !tree.hasFile('manage.py') && /"start"\s*:/.test(tree.read('package.json') ?? '')
}
