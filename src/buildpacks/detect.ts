import { BerthError } from '../errors.js'
import { dockerfile } from './dockerfile.js'
import { nodejs } from './nodejs.js'
import type { Buildpack, Plan } from './plan.js'
import { staticSite } from './static.js'
import type { Tree } from './tree.js'

/** First come, first taken: an app's own Dockerfile wins over what we would make of it. */
const buildpacks: readonly Buildpack[] = [dockerfile, nodejs, staticSite]

/**
 * The plan for a source tree. Pure: no network, no side effects.
 * @throws BerthError `invalid` in words for the pusher; SourceError when a file of the tree is at fault
 */
export function detect(tree: Tree): Plan {
  for (const buildpack of buildpacks) {
    const plan = buildpack(tree)
    if (plan) return plan
  }
  const names = tree.names().filter((name) => name !== '.git')
  const nested = nestedApp(tree)
  throw new BerthError(
    'invalid',
    names.length === 0
      ? 'the commit has no files in it'
      : `no stack recognised in ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}${nested === null ? '' : `; ${nested.directory} has a ${nested.file}`}`,
    nested === null
      ? 'Berth builds a Dockerfile, a Node.js app (package.json), or a static site (index.html at the top or in public/, dist/, build/ or _site/); it looks at the top of the repository'
      : `Berth looks at the top of the repository; push that folder as one: git subtree push --prefix ${nested.directory} berth main`,
  )
}

const landmarks = ['Dockerfile', 'package.json', 'index.html']
/** So many directories are looked into: a hint is not worth more. */
const looks = 200

/** An app that lies below the top: the first, no deeper than `apps/web`. */
function nestedApp(tree: Tree): { directory: string; file: string } | null {
  const directories = (path: string): string[] =>
    tree
      .names(path)
      .filter((name) => !name.startsWith('.') && name !== 'node_modules')
      .map((name) => (path === '.' ? name : `${path}/${name}`))
      .filter((name) => tree.hasDirectory(name))
      .slice(0, looks)
  const first = directories('.')
  for (const directory of [...first, ...first.slice(0, 20).flatMap(directories)].slice(0, looks)) {
    const file = landmarks.find((name) => tree.hasFile(`${directory}/${name}`))
    if (file !== undefined) return { directory, file }
  }
  return null
}
