import { interpolate, InterpolationError } from '../lib/interpolate.js'
import { own } from '../lib/own.js'
import { label } from '../config.js'
import type { ContainerCreation } from '../engine-client/containers.js'
import type { NetworkPlace, ProcessSettings, VolumeMount } from '../process-settings.js'
import { mountsOf } from '../store/mounts.js'
import type { Release } from '../store/releases.js'
import { processWords, type ImageCommand } from './command.js'
import type { Timeouts } from './limits.js'

const nothing: ProcessSettings = {}

/** Types that are none of the app's own: what runs once, or by hand. They run as `web` does, or the first of the types. */
const guests: ReadonlySet<string> = new Set(['run', 'release'])

/** What processes of a type have beside image, command and size. */
export function settingsOf({ settings }: Release, type: string): ProcessSettings {
  if (settings === undefined) return nothing
  const host = guests.has(type) ? (own(settings, 'web') ?? Object.values(settings)[0]) : undefined
  return own(settings, type) ?? host ?? nothing
}

/** The same with the volumes that somebody has mounted; at one place they count more than what the app says. */
export function settingsWithMounts(release: Release, type: string): ProcessSettings {
  const settings = settingsOf(release, type)
  const mounts = mountsOf(release, type)
  if (mounts.length === 0) return settings
  const isFree = (target: string): boolean => !mounts.some((mount) => mount.target === target)
  const { volumes = [], tmpfs = {} } = settings
  return {
    ...settings,
    volumes: [...volumes.filter(({ target }) => isFree(target)), ...mounts],
    tmpfs: Object.fromEntries(Object.entries(tmpfs).filter(([target]) => isFree(target))),
  }
}

/** What of the mounts makes a process what it is, for its spec. */
export const mountsInSpec = (release: Release, type: string): readonly unknown[] =>
  mountsOf(release, type).map(({ name, target, subpath, readOnly, noCopy }) => ({
    mount: [name, target, subpath, readOnly, noCopy],
  }))

/** A text of the settings with the values of its variables; one that cannot be read stays as it is. */
function filled(text: string, settings: ProcessSettings, config: Readonly<Record<string, string>>): string {
  try {
    return interpolate(text, (name) => own(config, name) ?? own(settings.defaults ?? {}, name))
  } catch (error) {
    if (error instanceof InterpolationError) return text
    throw error
  }
}

/** The variables of a process beside Berth's own. @param config the app's config vars, as far as processes have them */
export function variablesOf(
  settings: ProcessSettings,
  config: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { environment = {}, onlyNamed } = settings
  const named = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    const set = own(config, name) ?? (value === null ? undefined : filled(value, settings, config))
    return set === undefined ? [] : [[name, set]]
  })
  return { ...Object.fromEntries(named), ...(onlyNamed ? {} : config) }
}

/** The words that start a process; none where nothing says any. */
export function startWords(
  settings: ProcessSettings,
  config: Readonly<Record<string, string>>,
  { command, image }: { readonly command: string | null; readonly image: ImageCommand },
): string[] {
  if (settings === nothing) return processWords(command, image)
  const own = (words: readonly string[]): string[] => words.map((word) => filled(word, settings, config))
  const { entrypoint, command: args } = settings
  return [
    ...(entrypoint === undefined ? image.entrypoint : own(entrypoint)),
    ...(args === undefined ? (entrypoint === undefined ? image.cmd : []) : own(args)),
  ]
}

/** Another order of starts, or another default of size, makes no other process; variables and words count as what they become. */
const beside: ReadonlySet<string> = new Set(['after', 'memory', 'cpus', 'environment', 'defaults'])

/** What of the settings makes a process what it is, for its spec. */
export function settingsInSpec(
  settings: ProcessSettings,
  config: Readonly<Record<string, string>>,
): readonly unknown[] {
  if (settings === nothing) return []
  const rest = Object.entries(settings).filter(([name]) => !beside.has(name))
  return [rest, startWords(settings, config, { command: null, image: { entrypoint: [], cmd: [] } })]
}

/** A process on a network of the engine, and the names that it has there. */
export interface NetworkJoin {
  readonly network: string
  readonly aliases: readonly string[]
}

export const networkOf = (app: string): string => `berth-${app}`

/** The app whose network has this name; null for another network. */
export const appOfNetwork = (name: string): string | null => /^berth-([0-9a-f]+)(?:-.+)?$/.exec(name)?.[1] ?? null

/** A network's name on the engine. */
export const placeName = (app: string, { name }: NetworkPlace): string =>
  name === '' ? networkOf(app) : `${networkOf(app)}-${name}`

/** The networks of a process; the router and the checks use the first. */
export function joinsOf(
  app: string,
  { networks = [] }: ProcessSettings,
  names: readonly string[],
): readonly [NetworkJoin, ...NetworkJoin[]] {
  const joins = networks.map((place) => ({
    network: placeName(app, place),
    aliases: [...new Set([...names, ...place.aliases])],
  }))
  const [first = { network: networkOf(app), aliases: names }, ...rest] = joins
  return [first, ...rest]
}

/** All networks that processes of a release are on, beside the one that every app has. */
export const placesOf = ({ settings = {} }: Pick<Release, 'settings'>): NetworkPlace[] => {
  const all = Object.values(settings).flatMap(({ networks = [] }) => networks)
  return [...new Map(all.filter(({ name }) => name !== '').map((place) => [place.name, place])).values()]
}

/** Label of a container that is on another network than its app's: that, and its names there. */
const networkLabel = 'berth.network'
/** Label of one that has another time to end in than usual, in seconds. */
const graceLabel = 'berth.grace'

/** Labels by which a container is known again for what its settings were. */
export function settingsLabels(
  app: string,
  settings: ProcessSettings,
  names: readonly string[],
): Record<string, string> {
  const [{ network, aliases }] = joinsOf(app, settings, names)
  return {
    ...(settings.networks === undefined ? {} : { [networkLabel]: [network, ...aliases].join(' ') }),
    ...(settings.grace === undefined ? {} : { [graceLabel]: String(settings.grace) }),
  }
}

type Labels = Readonly<Record<string, string>>

/** The network that the router reaches a container by, and its names there. */
export function networkIn(labels: Labels): NetworkJoin {
  const [network, ...aliases] = labels[networkLabel]?.split(' ') ?? []
  if (network !== undefined) return { network, aliases }
  return {
    network: networkOf(labels[label.app] ?? ''),
    aliases: [labels[label.type] ?? '', labels[label.process] ?? ''],
  }
}

/** Seconds that a container has to end; undefined for the usual. */
export const graceIn = (labels: Labels): number | undefined =>
  labels[graceLabel] === undefined ? undefined : Number(labels[graceLabel])

/** Seconds that a process has to end. */
export const graceOf = ({ grace }: { readonly grace?: number | undefined }, limits: Pick<Timeouts, 'grace'>): number =>
  grace ?? limits.grace

/** Name of an app's volume on the engine. */
export const volumeOf = (app: string, name: string): string => `berth-${app}-${name}`

/** Labels of an app's volume on the engine. */
export const volumeLabels = (instance: string, app: string): Record<string, string> => ({
  [label.instance]: instance,
  [label.app]: app,
})

/** What a volume is, where it is no directory of the engine's like others. */
interface VolumeKind {
  readonly size?: number | undefined
  readonly host?: string | undefined
}

/** What an engine's driver is told of a volume that holds so many bytes, or stands for a directory of the server (mount(8)). */
export const volumeOptions = ({ size, host }: VolumeKind = {}): Record<string, string> => ({
  ...(size !== undefined && { size: String(size) }),
  ...(host !== undefined && { type: 'none', o: 'bind', device: host }),
})

const mountOf =
  (instance: string, app: string) =>
  ({ name, target, readOnly, subpath, noCopy, size, host }: VolumeMount) => ({
    Type: 'volume' as const,
    Target: target,
    Source: name === undefined ? '' : volumeOf(app, name),
    ReadOnly: readOnly ?? false,
    VolumeOptions: {
      // what the image has does not belong among files of the server
      NoCopy: noCopy ?? host !== undefined,
      DriverConfig: { Name: 'local', Options: volumeOptions({ size, host }) },
      Labels: volumeLabels(instance, app),
      ...(subpath === undefined ? {} : { Subpath: subpath }),
    },
  })

/** What the engine is asked for beside what every container has. */
export function containerFields(
  instance: string,
  app: string,
  settings: ProcessSettings,
): { readonly config: Partial<ContainerCreation>; readonly host: Partial<ContainerCreation['HostConfig']> } {
  const { grace, stopSignal, user, workingDirectory, hostname } = settings
  const { volumes, tmpfs, pids, groups, readOnly, sharedMemory, droppedCapabilities, ulimits, hosts } = settings
  const config = {
    StopTimeout: grace,
    StopSignal: stopSignal,
    User: user,
    WorkingDir: workingDirectory,
    Hostname: hostname,
  }
  const host = {
    Mounts: volumes?.map(mountOf(instance, app)),
    Tmpfs: tmpfs && { ...tmpfs },
    PidsLimit: pids,
    GroupAdd: groups && [...groups],
    ReadonlyRootfs: readOnly,
    ShmSize: sharedMemory,
    CapDrop: droppedCapabilities && [...droppedCapabilities],
    Ulimits: ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ExtraHosts: hosts && [...hosts],
  }
  return { config: defined(config), host: defined(host) }
}

const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never

/**
 * The order in which processes are started: those of a stage at once, each stage when the one before is up. In an app that
 * says nothing of it there is one.
 */
export function stagesOf<S extends { readonly type: string }>({ settings = {} }: Release, slots: readonly S[]): S[][] {
  const types = [...new Set([...Object.keys(settings), ...slots.map(({ type }) => type)])]
  const depths = new Map(types.map((type) => [type, 0]))
  const depthOf = (type: string): number => depths.get(type) ?? 0
  const below = (type: string): number =>
    Math.max(...(own(settings, type)?.after ?? []).map((one) => depthOf(one) + 1), depthOf(type))
  // as often as the longest chain is long: types that wait for each other would never be done
  for (let round = 1; round < types.length && types.some((type) => below(type) > depthOf(type)); round += 1)
    for (const type of types) depths.set(type, below(type))
  const levels = [...new Set(slots.map(({ type }) => depthOf(type)))].sort((a, b) => a - b)
  return levels.map((level) => slots.filter(({ type }) => depthOf(type) === level))
}
