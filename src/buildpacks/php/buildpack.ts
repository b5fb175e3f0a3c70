import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { assetsStage } from '../node/assets.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { readComposer, type Composer } from './composer.js'
import { dockerfileOf } from './dockerfile.js'
import { extensionPackages, extensionsVariable } from './extensions.js'
import { phpReason } from './failure.js'
import { servesPhp, translated } from './procfile.js'
import { documentRoot, rootVariables, type DocumentRoot } from './root.js'
import { phpVersion } from './version.js'

const ignored = ['.git', '**/node_modules']

/** A PHP app: served by nginx and php-fpm, its packages by Composer or as they lie in the tree. */
export const php: Buildpack = {
  name: 'php',
  takes: 'a PHP app (composer.json, index.php)',
  landmark: 'composer.json',
  plan,
  failure: phpReason,
}

/** Programs of other languages that a Procfile may start where a composer.json lies beside. */
const others = /^\s*(?:\w+=\S+\s+)*(?:node|npm|npx|yarn|pnpm|bun|python3?|gunicorn|uvicorn|bundle|rails|puma|java)\s/

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const said = declaredTypes(tree)
  if (!isPhp(tree, said)) return null
  const { types: declared, notes } = translated(said)
  const composer = readComposer(tree)
  const version = phpVersion(tree, composer)
  const extensions = extensionPackages(composer, variables[extensionsVariable] ?? '', version)
  const declares = saysWhatRuns(declared)
  const root = documentRoot(tree, composer, variables)
  if (root === null && !declares) throw nothingServed()
  const place = root?.directory ?? '.'
  const web = declares ? declared.web : place === '.' ? 'serve-php' : `serve-php ${place}`
  const vendored = composer !== null && tree.hasFile(`${composer.vendor}/autoload.php`)
  const installs = composer !== null && !vendored && needsComposer(composer)
  if (installs) refuseUnlocked(composer)
  const assets = place === '.' ? null : assetsStage(tree)
  const framework = root?.framework
  return {
    buildpack: 'php',
    name: 'PHP',
    found: framework === undefined ? 'PHP app' : `PHP app (${framework})`,
    version,
    dockerfile: dockerfileOf({
      tree,
      version,
      composer,
      installs,
      extensions,
      root: place,
      env: environmentOf(framework),
      assets: assets?.lines ?? [],
      command: web ?? null,
      served: servesPhp(web),
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, ...(installs ? [composer.vendor] : []), tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: { ...(web === undefined ? {} : { web }), ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    ...(framework === 'Laravel' && !tree.hasFile('.env') ? { secrets: { APP_KEY: 'base64' } as const } : {}),
    notes: [
      ...(declares || root === null ? [] : rootNotes(root)),
      ...notes,
      ...(vendored ? [`${composer.vendor}/ is used as it lies: Composer does not run`] : []),
      ...(assets?.notes ?? []),
      ...frameworkNotes(tree, framework, declared),
      ...accessNotes(tree, place, framework),
    ],
  }
}

/** @throws BerthError `invalid` where versions would differ at each build */
function refuseUnlocked({ requires, hasLock }: Composer): void {
  if (requires.length > 0 && !hasLock)
    throw new BerthError(
      'invalid',
      'composer.json asks for packages, and there is no composer.lock',
      'run `composer update`, and commit composer.lock',
    )
}

/** Whether a tree is PHP's, whatever lies beside. */
function isPhp(tree: Tree, declared: Readonly<Record<string, string>>): boolean {
  const lines = Object.values(declared)
  const named = lines.some((line) =>
    /(?:^|\s|\/)(?:php|heroku-(?:php|hhvm)-(?:nginx|apache2)|serve-php|artisan)(?:\s|$)/.test(line),
  )
  if (named) return true
  if (others.test(declared.web ?? '') || tree.hasFile('manage.py')) return false
  const entry = ['index.php', 'public/index.php', 'web/index.php', 'webroot/index.php', 'htdocs/index.php']
  const isServed = entry.some((file) => tree.hasFile(file))
  if (tree.hasFile('composer.json')) return isServed || !startsNode(tree)
  return isServed && !startsNode(tree)
}

const startsNode = (tree: Tree): boolean => /"start"\s*:/.test(tree.read('package.json') ?? '')

/** Composer has nothing to do for an app that asks for PHP and its extensions alone. */
const needsComposer = ({ requires, autoloads, scripts }: Composer): boolean =>
  requires.length > 0 || autoloads || scripts.has('compile')

const nothingServed = (): BerthError =>
  new BerthError(
    'invalid',
    'this is a PHP app (composer.json), but there is no index.php or index.html at the top, in public/, web/ or the like, and nothing says what runs',
    `name the directory that is served, berth config:set ${rootVariables[0]}=<directory>, or add a line to a Procfile, \`worker: php worker.php\``,
  )

/** What frameworks must be told in production; a config var of the same name says otherwise. */
function environmentOf(framework: string | undefined): Record<string, string> {
  if (framework === 'Laravel') return { LOG_CHANNEL: 'stderr' }
  if (framework === 'Symfony') return { APP_ENV: 'prod', APP_DEBUG: '0' }
  return {}
}

const rootNotes = ({ directory }: DocumentRoot): string[] =>
  directory === '.'
    ? []
    : [`serving ${directory}/; another directory: berth config:set ${rootVariables[0]}=<directory>`]

function frameworkNotes(
  tree: Tree,
  framework: string | undefined,
  declared: Readonly<Record<string, string>>,
): string[] {
  if (framework !== 'Laravel') return []
  return [
    ...(declared.release === undefined && tree.hasDirectory('database/migrations')
      ? ['migrations are not run: `release: php artisan migrate --force` in a Procfile does that before each release']
      : []),
  ]
}

/** Rules that Apache would read. A framework's are the front controller, which nginx is told of anyway. */
function accessNotes(tree: Tree, place: string, framework: string | undefined): string[] {
  const file = place === '.' ? '.htaccess' : `${place}/.htaccess`
  const rules = framework === undefined ? (tree.read(file) ?? '') : ''
  return /^\s*(?:Rewrite(?:Rule|Cond)|Require|Deny|Auth\w+|Redirect\w*)\s/im.test(rules)
    ? [
        `${file} is Apache's and is not read: paths without a file go to index.php; more is said in a file of nginx, \`web: serve-php -C nginx.conf\``,
      ]
    : []
}
