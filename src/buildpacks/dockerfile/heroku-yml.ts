import { SourceError } from '../source-error.js'
import { processType } from '../procfile.js'
import { parseYaml, type YamlMap, type YamlValue } from '../yaml.js'

const file = 'heroku.yml'

/** One image of heroku.yml's `build.docker`. */
export interface HerokuImage {
  /** Path in the tree; the folder that it lies in is its context. */
  readonly dockerfile: string
  readonly target?: string
}

/** What heroku.yml says of how an app is built and run by Docker. */
export interface HerokuYml {
  /** Process type -> image. */
  readonly images: Readonly<Record<string, HerokuImage>>
  /** `build.config`: build args. */
  readonly args: Readonly<Record<string, string>>
  /** Process type -> command, null for the image's own; and whose image it runs in. */
  readonly run: Readonly<Record<string, { readonly command: string | null; readonly image: string }>>
  readonly notes: readonly string[]
}

/** Reads heroku.yml; null where it builds nothing by Docker. @throws SourceError */
export function readHerokuYml(text: string): HerokuYml | null {
  const root = parseYaml(file, text)
  const build = map(root.entries.get('build'))
  const docker = map(build?.entries.get('docker'))
  if (docker === null) return null
  const images = Object.fromEntries([...docker.entries].map(([type, value]) => [typed(type, value), imageOf(value)]))
  const [first] = Object.keys(images)
  if (first === undefined) throw bad(docker, 'build.docker names no image', 'write `web: Dockerfile` below it')
  const args = Object.fromEntries(
    [...(map(build?.entries.get('config'))?.entries ?? [])].map(([name, value]) => [name, scalar(value)]),
  )
  const run: Record<string, { command: string | null; image: string }> = {}
  for (const [type, value] of map(root.entries.get('run'))?.entries ?? [])
    run[typed(type, value)] = runOf(type, value, images)
  const release = root.entries.get('release')
  if (release !== undefined) run.release = runOf('release', release, images)
  for (const type of Object.keys(images)) run[type] ??= { command: null, image: type }
  return { images, args, run, notes: notesOf(root) }
}

const bad = ({ line }: { readonly line: number }, message: string, hint: string): SourceError =>
  new SourceError({ file, line, column: 1 }, message, hint)

const map = (value: YamlValue | undefined): YamlMap | null => (value?.kind === 'map' ? value : null)

function scalar(value: YamlValue): string {
  if (value.kind === 'scalar') return value.text
  throw bad(value, 'a single value is wanted here', 'write it on the line of its name')
}

function typed(type: string, at: YamlValue): string {
  if (processType.test(type)) return type
  throw bad(at, `"${type.slice(0, 40)}" cannot be the name of a process type`, 'use letters, digits, dashes: web')
}

function imageOf(value: YamlValue): HerokuImage {
  const fields = map(value)?.entries
  const dockerfile = value.kind === 'scalar' ? value : fields?.get('dockerfile')
  const target = fields?.get('target')
  if (dockerfile === undefined || scalar(dockerfile) === '')
    throw bad(value, 'no Dockerfile is named', 'write `web: Dockerfile`')
  return { dockerfile: scalar(dockerfile), ...(target === undefined ? {} : { target: scalar(target) }) }
}

function runOf(
  type: string,
  value: YamlValue,
  images: Readonly<Record<string, HerokuImage>>,
): { command: string | null; image: string } {
  const fields = map(value)?.entries
  const named = fields?.get('image')
  const image = named === undefined ? undefined : scalar(named)
  if (image !== undefined && !Object.hasOwn(images, image))
    throw bad(
      named ?? value,
      `there is no image "${image.slice(0, 40)}"`,
      `build.docker has ${Object.keys(images).join(', ')}`,
    )
  const command = fields === undefined ? value : fields.get('command')
  return {
    command: command === undefined ? null : commandOf(command),
    image:
      image ??
      (Object.hasOwn(images, type) ? type : Object.hasOwn(images, 'web') ? 'web' : (Object.keys(images)[0] ?? '')),
  }
}

/** A list of words is one command; of lines, each runs after the one before. */
function commandOf(value: YamlValue): string | null {
  if (value.kind !== 'list') return scalar(value) || null
  const lines = value.items.map(scalar)
  return lines.join(lines.some((line) => /\s/.test(line)) ? ' && ' : ' ') || null
}

function notesOf(root: YamlMap): string[] {
  const setup = map(root.entries.get('setup'))?.entries
  const vars = [...(map(setup?.get('config'))?.entries.keys() ?? [])]
  const addons = setup?.get('addons')
  return [
    ...(vars.length === 0
      ? []
      : [`heroku.yml: setup.config is for an app that is made: set ${vars.join(', ')} by \`berth config:set\``]),
    ...(addons === undefined ? [] : ['heroku.yml: setup.addons is not read']),
  ]
}
