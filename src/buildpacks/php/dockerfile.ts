import { apartAt } from '../apart.js'
import type { Tree } from '../tree.js'
import type { Composer } from './composer.js'
import { phpStage } from './php-stage.js'
import { home } from '../image-lines.js'

/** All that decides a Dockerfile. */
export interface Recipe {
  readonly tree: Tree
  /** The line of PHP. */
  readonly version: string
  readonly composer: Composer | null
  /** Whether Composer runs; else what lies in the tree is used. */
  readonly installs: boolean
  /** Debian's packages. */
  readonly extensions: readonly string[]
  /** '.' for the top. */
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  /** The stage that makes the assets, where there are any. */
  readonly assets: readonly string[]
  readonly command: string | null
  /** Whether the command is `serve-php`. */
  readonly served: boolean
}

const caches = '--mount=type=cache,target=/root/.composer'
const composer =
  'COMPOSER_HOME=/root/.composer COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_MEMORY_LIMIT=-1 COMPOSER_NO_INTERACTION=1'

/** Packages are installed before the code is there, and come into the image by themselves: a changed line leaves them alone. */
export function dockerfileOf(recipe: Recipe): string {
  const { version, composer: said, installs, extensions, root, env, assets, command, served } = recipe
  const vendor = said?.vendor ?? 'vendor'
  const from = extensions.length === 0 ? 'php' : 'extended'
  const variables = Object.entries({ HOME: home, PATH: `${home}/${vendor}/bin:$PATH`, ...env })
  return [
    phpStage(version),
    '',
    ...(extensions.length === 0
      ? []
      : [
          'FROM php AS extended',
          `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${extensions.join(' ')} && rm -rf /var/lib/apt/lists/*`,
          '',
        ]),
    ...assets,
    ...(installs && said !== null ? buildStages(recipe, said, from) : []),
    `FROM ${from}`,
    `ENV ${variables.map(([name, value]) => `${name}=${value}`).join(' ')}`,
    `WORKDIR ${home}`,
    ...(installs
      ? [
          `COPY --from=dependencies --chown=app:app ${home}/${vendor} ${home}/${vendor}`,
          `COPY --from=build --chown=app:app ${apartAt} ${home}`,
        ]
      : ['COPY --chown=app:app . .']),
    ...(assets.length === 0 ? [] : [`COPY --from=assets --chown=app:app ${home}/${root} ${home}/${root}`]),
    'USER app',
    ...(served ? ['STOPSIGNAL SIGUSR1', 'ENTRYPOINT ["php-process"]'] : []),
    ...(command === null ? [] : [`CMD ${JSON.stringify(words(command))}`]),
    '',
  ].join('\n')
}

const words = (command: string): string[] =>
  /^[\w./ @%+=:,-]+$/.test(command) && !/^\w+=/.test(command) ? command.split(/ +/) : ['/bin/sh', '-c', command]

/** What Composer writes of all packages together stays with the code: it changes with it. */
function buildStages({ tree }: Recipe, said: Composer, from: string): string[] {
  const files = ['composer.json', 'composer.lock', 'auth.json', 'symfony.lock'].filter((file) => tree.hasFile(file))
  const install = 'install --no-dev --prefer-dist --no-progress'
  const scripts = ['post-install-cmd', 'compile'].filter((name) => said.scripts.has(name))
  const packages = `find ${said.vendor} -mindepth 1 -maxdepth 1 -type d ! -name composer ! -name bin -printf './%p\\n' > /tmp/packages`
  // they lie in a layer below: to remove them there would be to mark each of their files as removed
  const made = `mkdir ${apartAt} && tar -c --anchored --no-wildcards -X /tmp/packages . | tar -x -C ${apartAt}`
  return [
    `FROM ${from} AS dependencies`,
    `RUN apt-get update -q && apt-get install -qy --no-install-recommends composer unzip${said.needsGit ? ' git' : ''} && rm -rf /var/lib/apt/lists/*`,
    `ENV ${composer}`,
    `WORKDIR ${home}`,
    `COPY ${files.join(' ')} ./`,
    ...said.paths.map((directory) => `COPY ${directory} ./${directory}`),
    `RUN ${caches} timeout 900 composer ${install} --no-scripts --no-autoloader && mkdir -p ${said.vendor}`,
    '',
    'FROM dependencies AS build',
    'COPY . .',
    `RUN ${caches} composer dump-autoload --no-dev --optimize${scripts.map((name) => ` && composer run-script --no-dev ${name}`).join('')} \\`,
    ` && ${packages} && ${made}`,
    '',
  ]
}
