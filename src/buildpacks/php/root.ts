import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import type { Composer } from './composer.js'

/** Frameworks by what their trees have, and where each keeps what is served. */
const frameworks = [
  { name: 'Laravel', landmark: 'artisan', root: 'public' },
  { name: 'Symfony', landmark: 'bin/console', root: 'public' },
  { name: 'Drupal', landmark: 'web/core/lib/Drupal.php', root: 'web' },
  { name: 'Drupal', landmark: 'core/lib/Drupal.php', root: '.' },
  { name: 'WordPress', landmark: 'wp-settings.php', root: '.' },
  { name: 'WordPress', landmark: 'web/wp-config.php', root: 'web' },
  { name: 'CakePHP', landmark: 'bin/cake', root: 'webroot' },
  { name: 'Yii', landmark: 'yii', root: 'web' },
  { name: 'Craft', landmark: 'craft', root: 'web' },
  { name: 'CodeIgniter', landmark: 'spark', root: 'public' },
] as const

/** Where people put what is served, where no framework is known. */
const usual = ['public', 'web', 'webroot', 'htdocs', 'public_html', 'www', 'pub']

/** What is served of an app, and by whose custom. */
export interface DocumentRoot {
  /** '.' for the top. */
  readonly directory: string
  /** "Laravel" */
  readonly framework?: string
}

/** The config var that names it; Paketo's name for it is understood too. */
export const rootVariables = ['DOCUMENT_ROOT', 'BP_PHP_WEB_DIR'] as const

/**
 * The directory that is served: the one that is asked for, the framework's, that of composer.json, else the first that has
 * an index.php, or else an index.html. Null where none has.
 * @throws BerthError `invalid` for one that is asked for and is not there
 */
export function documentRoot(
  tree: Tree,
  composer: Composer | null,
  variables: Readonly<Record<string, string>>,
): DocumentRoot | null {
  const known = frameworks.find(({ landmark }) => tree.hasFile(landmark))
  const framework = known === undefined ? {} : { framework: known.name }
  const variable = rootVariables.find((name) => (variables[name] ?? '').trim() !== '')
  const asked = variable === undefined ? undefined : cleaned(variables[variable] ?? '')
  if (asked !== undefined) {
    if (isDirectory(tree, asked)) return { directory: asked, ...framework }
    throw new BerthError(
      'invalid',
      `${variable ?? ''} is ${asked.slice(0, 80)}: there is no such directory in the repository`,
      `name the directory that has index.php, or: berth config:unset ${variable ?? ''}`,
    )
  }
  const named = cleaned(composer?.publicDirectory ?? '')
  if (named !== '.' && isDirectory(tree, named)) return { directory: named, ...framework }
  if (known !== undefined && isDirectory(tree, known.root)) return { directory: known.root, ...framework }
  const places = ['.', ...usual]
  const has = (file: string) => places.find((directory) => tree.hasFile(`${directory}/${file}`))
  // one page, and the rest of it calls scripts
  const found = has('index.php') ?? has('index.html')
  return found === undefined ? null : { directory: found }
}

const cleaned = (path: string): string =>
  path
    .trim()
    .replace(/^(?:\.?\/+)+/, '')
    .replace(/\/+$/, '') || '.'

/** It stands in nginx's configuration and in a line for a shell. */
const isDirectory = (tree: Tree, path: string): boolean =>
  path === '.' ||
  (/^[\w.@+-]+(?:\/[\w.@+-]+)*$/.test(path) && !path.split('/').includes('..') && tree.hasDirectory(path))
