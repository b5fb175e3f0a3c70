import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'
import { addUser, commandLines, home } from '../image-lines.js'

const start = 'start.sh'

/** Shells and other interpreters that a shebang may name, and Debian's packages of them; those of the base are empty. */
const interpreters: Readonly<Record<string, string>> = {
  sh: '',
  dash: '',
  bash: '',
  perl: '',
  zsh: 'zsh',
  fish: 'fish',
  ksh: 'ksh',
  ksh93: 'ksh',
  mksh: 'mksh',
  tcsh: 'tcsh',
  csh: 'csh',
  python3: 'python3',
}

/** Commands that scripts call and that the base does not have: Debian's packages of them. */
const commands: Readonly<Record<string, string>> = {
  curl: 'curl',
  wget: 'wget',
  jq: 'jq',
  git: 'git',
  nc: 'netcat-openbsd',
  socat: 'socat',
  openssl: 'openssl',
  psql: 'postgresql-client',
  pg_dump: 'postgresql-client',
  'redis-cli': 'redis-tools',
  sqlite3: 'sqlite3',
  rsync: 'rsync',
  unzip: 'unzip',
  zip: 'zip',
  envsubst: 'gettext-base',
  python3: 'python3',
  bc: 'bc',
  busybox: 'busybox',
}

/** An app that is a script: start.sh, or a Procfile that runs scripts of the tree. Last of all: other stacks have a start.sh too. */
export const shell: Buildpack = {
  name: 'shell',
  takes: 'a shell script (start.sh)',
  landmark: start,
  plan,
}

function plan(tree: Tree): Plan | null {
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  // the plan of Debian's packages alone
  if (declares && tree.hasFile('Aptfile')) return null
  const called = Object.values(declared).flatMap((command) => scriptOf(tree, command) ?? [])
  if (!tree.hasFile(start) && called.length === 0) return null
  const scripts = [...new Set([...(tree.hasFile(start) ? [start] : []), ...called])]
  const types = declares ? declared : { web: `./${start}`, ...declared }
  const packages = packagesOf(tree, scripts)
  return {
    buildpack: 'shell',
    name: 'Shell',
    found: 'shell script',
    version: '',
    dockerfile: [
      'FROM debian:bookworm-slim',
      `RUN ${addUser}`,
      `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*`,
      `ENV HOME=${home}`,
      `WORKDIR ${home}`,
      'COPY --chown=app:app . .',
      'USER app',
      `RUN chmod +x ${scripts.join(' ')}`,
      ...commandLines(types.web),
      '',
    ].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [],
  }
}

/** The script of the tree that a command runs: `./work.sh x`, `bash work.sh`; null where it runs none. */
function scriptOf(tree: Tree, command: string): string | null {
  const script = /^(?:exec\s+)?(?:(?:ba|da|z|k)?sh\s+(?:-\w+\s+)*)?(?:\.\/)?([\w-][\w./-]*)(?=\s|$)/.exec(command)?.[1]
  if (script === undefined || script.split('/').includes('..') || !tree.hasFile(script)) return null
  return script.endsWith('.sh') || (tree.read(script) ?? '').startsWith('#!') ? script : null
}

/** Debian's packages of what scripts are interpreted by, and call. @throws SourceError for a script that cannot run */
function packagesOf(tree: Tree, scripts: readonly string[]): string[] {
  const found = new Set(['ca-certificates'])
  for (const file of scripts) {
    const [first = ''] = (tree.read(file) ?? '').split('\n')
    const place = { file, line: 1, column: 1 }
    if (first.endsWith('\r'))
      throw new SourceError(
        place,
        'its lines end with CR LF, which no shell takes',
        `write it with LF alone: \`sed -i 's/\\r$//' ${file}\`, and commit`,
      )
    const interpreter = /^#!\s*(?:\/usr\/bin\/env\s+(?:-S\s+)?)?(?:\/[\w./-]*\/)?([\w.-]+)/.exec(first)?.[1] ?? 'sh'
    const one = interpreters[interpreter]
    if (one === undefined)
      throw new SourceError(
        place,
        `it is for ${interpreter.slice(0, 40)}, which the image does not have`,
        `there are ${Object.keys(interpreters).join(', ')}; write a Dockerfile for another`,
      )
    if (one !== '') found.add(one)
  }
  const beside = tree.names().filter((name) => name.endsWith('.sh'))
  const code = [...scripts, ...beside].map((file) => (tree.read(file) ?? '').replace(/^\s*#.*/gm, '')).join('\n')
  for (const [command, name] of Object.entries(commands))
    if (new RegExp(`(?:^|[\\s;&|(\`])${command}(?=[\\s;&|)]|$)`, 'm').test(code)) found.add(name)
  return [...found].sort()
}
