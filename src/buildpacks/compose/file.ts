import { parse } from 'dotenv'
import type { ImagePlan } from '../buildpack.js'
import { below, type Tree } from '../tree.js'
import { parseYaml } from '../yaml.js'
import { checkConfigs } from './configs.js'
import { extended } from './extends.js'
import { Field, Reading } from './field.js'
import { checkKeys, topKeys } from './keys.js'
import { volumeNames } from './mounts.js'
import { networksOf } from './networks.js'
import { readService, typeOf, type ComposeService } from './service.js'

/** More than a server of one's own runs of one app. */
const mostServices = 50

/** A compose file that was read: all its services that are started, by process type; exactly one may be `web`. */
export interface ComposeFile {
  readonly services: ReadonlyMap<string, ComposeService>
  readonly notes: readonly string[]
}

/**
 * Reads a compose file. `${NAME}` is a config var, or else what `.env` beside the file says.
 * https://github.com/compose-spec/compose-spec
 * @throws SourceError for what it wants that Berth does not do: all of it, each with its line and a way out
 */
export function readCompose(
  tree: Tree,
  path: string,
  text: string,
  config: Readonly<Record<string, string>>,
): ComposeFile {
  const base = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'
  const defaults = parse(below(tree, base).read('.env') ?? '')
  const variables = { ...defaults, ...config }
  const reading = new Reading(path, variables)
  const root = new Field(reading, parseYaml(path, text), '', 1)
  checkKeys(root, topKeys)
  const all = extended(root.get('services'), path, tree)
  if (all.length === 0) reading.refuse(1, 'the file has no services', 'write services:, and what runs below it')
  if (all.length > mostServices) reading.refuse(1, `the file has ${all.length} services`, `at most ${mostServices}`)
  const active = all.slice(0, mostServices).filter(([name, field]) => isActive(name, field))
  if (all.length > 0 && active.length === 0)
    reading.refuse(1, 'every service has profiles, so none is started', 'take profiles out of what shall run')
  checkConfigs(root.get('configs'))
  const shared = {
    ...{ tree, base, defaults, variables: config },
    planned: new Map<string, ImagePlan>(),
    volumes: volumeNames(root.get('volumes')),
    networks: networksOf(root.get('networks')),
    configs: new Map(root.get('configs')?.entries()),
    built: builtNames(active),
  }
  const services = active.map(([name, field]) => readService(name, field, shared))
  const types = typesOf(services)
  checkOrder(services, new Set(all.map(([name]) => name)))
  reading.end()
  return { services: new Map(services.map((one) => [types.get(one.name) ?? one.name, one])), notes: [...reading.notes] }
}

function isActive(name: string, field: Field): boolean {
  const profiles = field.value.kind === 'map' ? (field.get('profiles')?.items() ?? []) : []
  if (profiles.length === 0) return true
  field.get('profiles')?.note(`is set, so ${name.slice(0, 60)} is not started`)
  return false
}

/** The names that services give to what they build, for others to run. */
const builtNames = (services: readonly (readonly [string, Field])[]): Map<string, Field> =>
  new Map(
    services.flatMap(([, field]): [string, Field][] => {
      const [image, build] = field.value.kind === 'map' ? [field.get('image'), field.get('build')] : []
      return image === undefined || build === undefined || build.isNone ? [] : [[image.text(), build]]
    }),
  )

/** Service -> process type. The one that requests go to is `web`, whatever it is called. */
function typesOf(services: readonly ComposeService[]): Map<string, string> {
  const types = new Map(services.map(({ name, field }) => [name, typeOf(name, field)]))
  const web = webOf(services)
  if (web !== undefined) {
    const other = services.find(({ name }) => name === 'web')
    if (other !== undefined && other !== web)
      other.field.refuse(`has the name that ${web.name} has in Berth, where requests go to "web"`, 'rename it')
    types.set(web.name, 'web')
  }
  for (const { name, field } of services) {
    const twin = services.find((one) => one.name !== name && types.get(one.name) === types.get(name))
    if (twin !== undefined && twin.name < name)
      field.refuse(`and ${twin.name} are one name in Berth`, 'rename one of them')
  }
  return types
}

/** The service that requests go to: the one that is marked, or named `web`, or alone has ports, or alone is built of those. */
function webOf(services: readonly ComposeService[]): ComposeService | undefined {
  const marked = services.filter(({ isWeb }) => isWeb)
  const [first, second] = marked
  if (second !== undefined) second.field.refuse('is marked as web, as another is', 'mark one: x-berth: {web: true}')
  const named = (wanted: string): ComposeService | undefined => services.find(({ name }) => name === wanted)
  const chosen = first ?? named('web')
  if (chosen !== undefined) return chosen
  const open = services.filter(({ ports }) => ports.published.length > 0)
  const [only, more] = open
  if (more === undefined) return only ?? named('app')
  const built = open.filter(({ field }) => field.get('build') !== undefined)
  const likely = built.length === 1 ? built[0] : open.find(({ name }) => name === 'app')
  if (likely !== undefined) return likely
  more.field.refuse(
    `has ports, as ${open
      .filter((one) => one !== more)
      .map(({ name }) => name)
      .join(', ')} has, and one answers requests`,
    'mark it: x-berth: {web: true}; the others are reached from within, by their names',
  )
  return undefined
}

/** Refuses what waits for nobody, or for itself. */
function checkOrder(services: readonly ComposeService[], all: ReadonlySet<string>): void {
  const active = new Map(services.map((one) => [one.name, one]))
  for (const { field, after, name } of services) {
    for (const other of after.filter((one) => !active.has(one))) {
      const depends = field.get('depends_on')
      const isOptional = depends?.value.kind === 'map' && depends.get(other)?.get('required')?.flag() === false
      if (isOptional) continue
      const why = all.has(other) ? 'which is not started: it has profiles' : 'which the file does not have'
      ;(depends ?? field).refuse(`names ${JSON.stringify(other.slice(0, 60))}, ${why}`, 'take it out')
    }
    if (waitsFor(name, name, active))
      (field.get('depends_on') ?? field).refuse('is a circle', 'let one of them start without the other')
  }
}

function waitsFor(from: string, wanted: string, services: ReadonlyMap<string, ComposeService>): boolean {
  const seen = new Set<string>()
  const left = [...(services.get(from)?.after ?? [])]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next === wanted) return true
    if (seen.has(next)) continue
    seen.add(next)
    left.push(...(services.get(next)?.after ?? []))
  }
  return false
}
