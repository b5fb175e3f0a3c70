import { BerthError } from '../../errors.js'
import { own } from '../../lib/own.js'
import { buildSettings } from '../build-settings.js'
import type { ImagePlan } from '../buildpack.js'
import { SourceError } from '../source-error.js'
import { below, type Tree } from '../tree.js'
import { commandPort, exposedPort, hasStage, outlineOf, type Outline } from './outline.js'

/** Which Dockerfile of a tree makes an image, and how. */
interface ImageSource {
  /** Its folder, which is the context; '.' unless given. */
  readonly context?: string
  /** Its path there. */
  readonly dockerfile: string
  /** '' for the last stage. */
  readonly target: string
  /** Values of build args that a file of the app gives. */
  readonly args?: Readonly<Record<string, string>>
  /** The file that names it; a build setting unless given. */
  readonly namedBy?: string
}

/** An image to build, and what the pusher should know of it, a line each. */
export interface OwnImage extends ImagePlan {
  readonly notes: readonly string[]
}

const notesOf = (path: string, { secrets }: Outline, variables: Readonly<Record<string, string>>): string[] =>
  secrets
    .filter((id) => !Object.hasOwn(variables, id))
    .map((id) => `${path}: the secret ${id} is a config var that builds do not have: berth config:set --build ${id}=…`)

/**
 * What is to be built of a Dockerfile of the app's own.
 * @throws SourceError, BerthError `invalid` where there is none, or no such stage
 */
export function readImage(tree: Tree, variables: Readonly<Record<string, string>>, source: ImageSource): OwnImage {
  const { context = '.', dockerfile, target, args = {} } = source
  const folder = below(tree, context)
  const text = leadsOut(context) || leadsOut(dockerfile) ? null : folder.read(dockerfile)
  if (text === null) throw absent(tree, source)
  const path = context === '.' ? dockerfile : `${context}/${dockerfile}`
  if (text.trim() === '')
    throw new SourceError({ file: path, line: 1, column: 1 }, 'the file is empty', 'begin it with `FROM`, or remove it')
  const outline = outlineOf(text)
  if (target !== '' && !hasStage(outline, target)) throw noStage(path, outline, source)
  const declared = outline.args.flatMap((name) => {
    const value = own(variables, name) ?? own(args, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const port = exposedPort(outline, target) ?? commandPort(outline, target)
  return {
    dockerfile: text,
    ownDockerfile: dockerfile,
    notes: notesOf(path, outline, variables),
    dockerignore: folder.read(`${dockerfile}.dockerignore`) ?? folder.read('.dockerignore') ?? '',
    ...(context === '.' ? {} : { context }),
    ...(target === '' ? {} : { target }),
    ...(declared.length === 0 ? {} : { args: Object.fromEntries(declared) }),
    ...(port === null ? {} : { port }),
  }
}

const leadsOut = (path: string): boolean => path.startsWith('/') || path.split('/').includes('..')

function absent(tree: Tree, { context = '.', dockerfile, namedBy }: ImageSource): BerthError {
  const all = tree.names().filter((name) => /^Dockerfile(?:\.|$)/.test(name) && !name.endsWith('.dockerignore'))
  const there = all.length === 0 ? 'there is no Dockerfile at the top' : `at the top there are ${all.join(', ')}`
  const path = `${context === '.' ? '' : `${context}/`}${dockerfile}`.slice(0, 120)
  return namedBy === undefined
    ? new BerthError(
        'invalid',
        `${buildSettings.dockerfile} is ${path}, and there is no such file`,
        `${there}; to build as usual: berth builds:unset dockerfile`,
      )
    : new BerthError('invalid', `${namedBy} names ${path}, and there is no such file`, there)
}

function noStage(file: string, { stages }: Outline, { target, namedBy }: ImageSource): BerthError {
  const names = stages.flatMap(({ name }) => name ?? [])
  const has = names.length === 0 ? 'its stages have no names: write `FROM … AS name`' : `it has ${names.join(', ')}`
  const way = namedBy === undefined ? '; to build the last: berth builds:unset target' : `; ${namedBy} names it`
  const line = stages.at(-1)?.line ?? 1
  return new SourceError({ file, line, column: 1 }, `no stage is named "${target.slice(0, 80)}"`, `${has}${way}`)
}
