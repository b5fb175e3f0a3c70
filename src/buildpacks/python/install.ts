import { compilers } from './native.js'
import type { Project } from './project.js'

/** The installer, in the version that plans are made for. */
export const uvVersion = '0.13.9'
/**
 * Tools of other lock files; each is installed by itself, so that nothing of it is in the app. They run on the app's Python:
 * the newest that run on one, for those from a minor version on.
 */
const tools: readonly (Readonly<Partial<Record<Project['installer'], string>>> & { readonly from: number })[] = [
  {
    from: 10,
    poetry: 'poetry==2.5.1 --with poetry-plugin-export==1.10.1',
    // its bounds let in a hishel that it does not run with
    pdm: "pdm==2.29.4 --with 'hishel<2'",
    pipenv: 'pipenv==2026.10.3',
  },
  {
    from: 9,
    poetry: 'poetry==2.2.1 --with poetry-plugin-export==1.9.0',
    pdm: 'pdm==2.26.9',
    pipenv: 'pipenv==2025.0.4',
  },
  {
    from: 0,
    poetry: 'poetry==1.8.5 --with poetry-plugin-export==1.8.0',
    pdm: 'pdm==2.20.1',
    pipenv: 'pipenv==2024.4.1',
  },
]

/** What Poetry says is installed, written for uv: Poetry itself asks PyPI alone for packages, whatever index a build has. */
const poetryList = '/tmp/requirements.txt'
const locked = `poetry export -q --only main -o ${poetryList}`
const unlocked = `/opt/tools/poetry/bin/python -c "from pathlib import Path; from poetry.core.factory import Factory; print(*(one.to_pep_508() for one in Factory().create_poetry(Path.cwd()).package.requires if not one.is_optional()), sep='\\n')" > ${poetryList}`

const cached = 'RUN --mount=type=cache,target=/root/.cache'
/** Offline first: what a changed line needs is in the cache, and a registry that is away does not matter then. */
const offlineFirst = (command: string): string => `${cached} ${command} --offline -q 2>/dev/null || ${command}`

/** What installs uv, and the tool of the app's lock file. @param python as in `3.11` */
export function installTools({ installer }: Project, python: string): string[] {
  const minor = Number(python.split('.')[1])
  const tool = tools.find(({ from }) => minor >= from)?.[installer]
  return [
    `${cached} pip install --root-user-action=ignore --disable-pip-version-check -q uv==${uvVersion}`,
    'ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1',
    ...(tool === undefined
      ? []
      : [`${cached} UV_TOOL_DIR=/opt/tools UV_TOOL_BIN_DIR=/usr/local/bin uv tool install -q ${tool}`]),
  ]
}

/** What installs the dependencies, once their files are there: it runs again when one of them has changed. */
export function installDependencies(project: Project, extra: string | undefined, compiles: boolean): string[] {
  const { installer, file } = project
  const commands: Readonly<Record<Project['installer'], string | null>> = {
    uv: 'uv sync --locked --no-default-groups --no-install-project --no-install-workspace',
    pyproject: 'uv sync --no-default-groups --no-install-project --no-install-workspace',
    poetry: `uv pip install -r ${poetryList}`,
    pdm: 'pdm sync --prod --no-editable --no-self',
    pipenv: file === 'Pipfile.lock' ? 'pipenv sync' : 'pipenv install',
    requirements: `uv pip install -r ${file}`,
    setup: 'uv pip install .',
    none: null,
  }
  const command = commands[installer]
  const steps = [
    'uv venv -q',
    ...(installer === 'poetry' ? [file === 'poetry.lock' ? locked : unlocked] : []),
    ...(command === null ? [] : [compiles || !mayLackCompiler(project) ? command : wheelsFirst(command)]),
    ...(extra === undefined ? [] : [`uv pip install ${extra}`]),
  ]
  return [`${cached} ${steps.join(' \\\n && ')}`]
}

/** Nothing says beforehand whether all has wheels: nearly always it has, and half a minute of compilers is saved. */
export const mayLackCompiler = ({ installer }: Project): boolean =>
  installer === 'requirements' || installer === 'pyproject'

const wheelsFirst = (command: string): string =>
  `{ ${command} --no-build || { ! ${command} --no-build --dry-run 2>&1 | grep -qE '${hopeless}' && apt-get update -q && apt-get install -qy --no-install-recommends ${compilers} && ${command}; }; }`

/** What uv says of what no compiler mends: a package or version that there is not, a file that is not what its name says. */
const hopeless = 'not found in the package registry|there is no version of|Failed to parse: |parse requirement'

/** What installs the app itself, where it is a package; it runs with each change of the tree. */
export function installPackage({ installer, isPackage }: Project): string[] {
  if (!isPackage) return []
  const locked = installer === 'uv' ? '--locked ' : ''
  // inexact: what the app did not ask for, its server, stays
  if (installer === 'uv' || installer === 'pyproject')
    return [offlineFirst(`uv sync ${locked}--no-default-groups --inexact`)]
  return []
}
