import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { choosesPython } from './choose.js'
import { django } from './django.js'
import { pythonReason } from './failure.js'
import { installDependencies, installPackage, installTools, mayLackCompiler } from './install.js'
import { debianPackages, type DebianPackages } from './native.js'
import type { WebProcess } from './process.js'
import { readProject, type Project } from './project.js'
import { pythonImage, pythonVersion } from './version.js'
import { webProcess } from './web.js'
import { sourceOnly } from './wheels.js'
import { addUser, commandLines, home } from '../image-lines.js'

const ignored = ['.git', '.venv', 'venv', '__pycache__', '**/__pycache__', '*.pyc', '**/*.pyc', 'node_modules']

/** A Python app: its dependencies by uv, from whatever file says what they are. */
export const python: Buildpack = {
  name: 'python',
  takes: 'a Python app (requirements.txt, pyproject.toml, Pipfile, setup.py, main.py or app.py)',
  landmark: 'requirements.txt',
  plan,
  failure: pythonReason,
}

function plan(tree: Tree): Plan | null {
  const declared = declaredTypes(tree)
  if (!choosesPython(tree, declared)) return null
  const project = readProject(tree)
  const declares = saysWhatRuns(declared)
  const web = declares ? null : webProcess(tree, project)
  if (web === null && !declares)
    throw new BerthError(
      'invalid',
      `this is a Python app${project.file === '' ? '' : ` (${project.file})`}, but nothing says how to start it`,
      'add a `web:` line to a Procfile, `web: gunicorn app:app`, or a main.py',
    )
  const { version, notes } = pythonVersion(tree, project)
  const minor = Number(version.split('.')[1])
  const unknown = mayLackCompiler(project) || project.installer === 'none' ? [] : null
  const sources = project.packages === null ? unknown : sourceOnly(project.packages, minor)
  const server = serverFor(project, declares ? Object.values(declared).join('\n') : '', web?.server)
  const command = declared.web ?? web?.command ?? null
  return {
    buildpack: 'python',
    name: 'Python',
    found: web?.framework === undefined ? 'Python app' : `Python app (${web.framework})`,
    version,
    dockerfile: dockerfileOf(tree, {
      project,
      version,
      server,
      command,
      port: web?.port,
      debian: debianPackages(project, sources),
    }),
    ownDockerfile: false,
    ...(web?.port === undefined ? {} : { port: web.port }),
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: { ...(web === null ? {} : { web: web.command }), ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [...notes, ...project.notes, ...notesOn(tree, project, declared, server), ...portNote(web)],
  }
}

const portNote = (web: WebProcess | null): string[] =>
  web?.port === undefined
    ? []
    : [`${web.framework ?? 'it'} listens on ${String(web.port)}, which is PORT: config:set PORT=… chooses another`]

/** The server that is installed beside what the app asks for: its command needs it, and nothing brings it. */
function serverFor({ names }: Project, commands: string, wanted: string | undefined): string | undefined {
  const server = wanted ?? /(?:^|\s)(gunicorn|uvicorn)\s/m.exec(commands)?.[1]
  const brought = server === 'uvicorn' ? ['uvicorn', 'fastapi[standard]', 'fastapi[all]'] : [server ?? '']
  return server === undefined || brought.some((name) => names.has(name)) ? undefined : server
}

interface Parts {
  readonly project: Project
  readonly version: string
  readonly server: string | undefined
  readonly command: string | null
  readonly port: number | undefined
  readonly debian: DebianPackages
}

/**
 * Dependencies are installed in a stage of their own, from the files that name them alone: a change of code repeats the copy
 * of the code. Both stages begin with the same image, as the environment holds links to its Python.
 */
function dockerfileOf(tree: Tree, { project, version, server, command, port, debian }: Parts): string {
  const image = pythonImage(version)
  const installs = project.installer !== 'none' || server !== undefined
  const whole = project.needsTree || project.files.length === 0
  // a package is built where its compilers are
  const takesApp = installs && project.isPackage
  const site = django(tree, project.names)
  const paths = tree.hasDirectory('src') ? `${home}:${home}/src` : home
  const place = `ENV PATH=${home}/.venv/bin:$PATH VIRTUAL_ENV=${home}/.venv`
  return [
    ...(installs
      ? [
          `FROM ${image} AS build`,
          ...aptInstall(debian.build),
          ...installTools(project, version),
          place,
          `WORKDIR ${home}`,
          ...(project.installer === 'none' ? [] : copyOf(whole ? [] : project.files)),
          ...installDependencies(project, server, debian.compiles),
          ...(takesApp ? [...(whole ? [] : ['COPY . .']), ...installPackage(project)] : []),
          '',
        ]
      : []),
    `FROM ${image}`,
    ...aptInstall(debian.run),
    `RUN ${addUser}`,
    place,
    `ENV PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1 LANG=C.UTF-8 PYTHONPATH=${paths} HOME=${home}`,
    `ENV GUNICORN_CMD_ARGS="--access-logfile -" FORWARDED_ALLOW_IPS=* UVICORN_HOST=0.0.0.0 FLASK_RUN_HOST=0.0.0.0`,
    ...(project.names.has('gradio') ? ['ENV GRADIO_SERVER_NAME=0.0.0.0'] : []),
    `WORKDIR ${home}`,
    ...(installs ? [`COPY --from=build --chown=app:app ${home}/.venv ${home}/.venv`] : []),
    'USER app',
    'COPY --chown=app:app . .',
    ...(site?.collects === true ? [collectStatic(site.directory)] : []),
    ...(port === undefined ? [] : [`EXPOSE ${String(port)}`]),
    ...commandLines(command),
    '',
  ].join('\n')
}

const aptInstall = (packages: readonly string[]): string[] =>
  packages.length === 0
    ? []
    : [
        `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/*`,
      ]

/** Copies files to where they lie in the tree; all of it where none are named. */
function copyOf(files: readonly string[]): string[] {
  if (files.length === 0) return ['COPY . .']
  const top = files.filter((file) => !file.includes('/'))
  const below = files.filter((file) => file.includes('/'))
  return [...(top.length > 0 ? [`COPY ${top.join(' ')} ./`] : []), ...below.map((file) => `COPY ${file} ./${file}`)]
}

/** Settings are read for it: a key that is there at run time alone is not worth a failed build. */
const collectStatic = (directory: string): string =>
  `RUN if [ "\${DISABLE_COLLECTSTATIC:-0}" = 0 ]; then SECRET_KEY="\${SECRET_KEY:-for-collectstatic-alone}" python ${directory === '.' ? '' : `${directory}/`}manage.py collectstatic --noinput; fi`

function notesOn(
  tree: Tree,
  project: Project,
  declared: Readonly<Record<string, string>>,
  server: string | undefined,
): string[] {
  const notes: string[] = []
  if (server !== undefined)
    notes.push(`${server} is installed to serve the app: add it to ${project.manifest} to choose its version`)
  const site = django(tree, project.names)
  if (site?.migrates === true && declared.release === undefined)
    notes.push(
      `migrations are not run: \`release: python ${site.directory === '.' ? '' : `${site.directory}/`}manage.py migrate --noinput\` in a Procfile does that before each release`,
    )
  if (site !== null && !site.collects) notes.push('no STATIC_ROOT in the settings: static files are not collected')
  else if (site !== null && !project.names.has('whitenoise'))
    notes.push('static files are collected, but whitenoise, which serves them, is not among the dependencies')
  for (const name of ['.venv', 'venv'])
    if (tree.hasDirectory(name))
      notes.push(`${name} is in git and is left out: add it to .gitignore and \`git rm -r --cached ${name}\``)
  return notes
}
