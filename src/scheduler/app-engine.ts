import { label } from '../config.js'
import type { EngineClient, EngineInfo } from '../engine-client/client.js'
import type {
  ContainerCreation,
  ContainerDetails,
  ContainerSummary,
  ContainerLogQuery,
} from '../engine-client/containers.js'
import type { ExecCommand } from '../engine-client/exec.js'
import type { ImageDetails } from '../engine-client/images.js'
import type { LogAnswer } from '../engine-client/tail.js'
import type { ImageCommand } from './command.js'
import type { NetworkPlace } from '../process-settings.js'
import { specLabel } from './desired.js'
import type { ObservedContainer } from './plan.js'
import { graceIn, networkIn, networkOf, placeName, type NetworkJoin } from './settings.js'
import { VolumeOwners } from './volume-owner.js'

/** Images whose command is kept in mind. */
const remembered = 1_000

const foundOf = (info: ContainerSummary): ObservedContainer => {
  const labels = info.Labels
  const grace = graceIn(labels)
  return {
    id: info.Id,
    process: labels[label.process] ?? '',
    type: labels[label.type] ?? '',
    release: Number(labels[label.release] ?? 0),
    spec: labels[specLabel] ?? '',
    running: info.State === 'running' || info.State === 'paused',
    paused: info.State === 'paused',
    removing: info.State === 'removing',
    createdAt: info.Created,
    ...(labels[label.run] === undefined ? {} : { run: labels[label.run] }),
    ...(grace === undefined ? {} : { grace }),
    address: info.NetworkSettings.Networks[networkIn(labels).network]?.IPAddress ?? '',
  }
}

/** A container's address on its app's network; '' when it has none. */
export const addressIn = ({ Config, NetworkSettings }: ContainerDetails): string =>
  NetworkSettings.Networks[networkIn(Config.Labels).network]?.IPAddress ?? ''

/** null, or a string from some engines, whatever the types say. */
function ownCommandOf({ Config }: ImageDetails): ImageCommand {
  const { Entrypoint, Cmd } = Config as Readonly<Record<'Entrypoint' | 'Cmd', string | string[] | null>>
  return { entrypoint: [Entrypoint ?? []].flat(), cmd: [Cmd ?? []].flat() }
}

/** The few things the scheduler asks of an engine, in terms of apps: an app's containers, and its network. */
export class AppEngine {
  readonly client: EngineClient
  readonly #instance: string
  readonly #commands = new Map<string, Promise<ImageCommand>>()
  readonly #started = new Map<string, string>()
  readonly #owners: VolumeOwners
  constructor(client: EngineClient, instance: string) {
    this.client = client
    this.#instance = instance
    this.#owners = new VolumeOwners(client)
  }

  /** Containers of an app, or of all apps, dead ones included; by app id. */
  async list(app?: string): Promise<Map<string, ObservedContainer[]>> {
    const labels = [`${label.instance}=${this.#instance}`, app === undefined ? label.app : `${label.app}=${app}`]
    const apps = new Map<string, ObservedContainer[]>()
    for (const info of await this.client.containers.list(labels)) {
      const id = info.Labels[label.app] ?? ''
      apps.set(id, [...(apps.get(id) ?? []), foundOf(info)])
    }
    return apps
  }

  /** Null when there is no such container. */
  inspect(id: string): Promise<ContainerDetails | null> {
    return this.client.containers.inspect(id)
  }

  /** A running container's address on its app's network; '' when it has none. */
  async addressOf(id: string): Promise<string> {
    const info = await this.inspect(id)
    return info === null ? '' : addressIn(info)
  }

  /**
   * When a container was last started, as the engine writes it; null when it is not there. Asked once, for each look at an
   * app comes by here: `forget` what an event, or a gap between events, may have changed.
   */
  async startedAt(id: string): Promise<string | null> {
    const known = this.#started.get(id)
    if (known !== undefined) return known
    const info = await this.inspect(id)
    if (!info) return null
    if (info.State.Running) this.#started.set(id, info.State.StartedAt)
    return info.State.StartedAt
  }

  /** Forgets when a container was started, or all of them. */
  forget(id?: string): void {
    if (id === undefined) this.#started.clear()
    else this.#started.delete(id)
  }

  /** Whether a container runs and is not on its app's network: one that starts or ends is, without an address. */
  async isDisconnected(id: string): Promise<boolean> {
    const info = await this.inspect(id)
    if (info?.State.Running !== true) return false
    return !Object.hasOwn(info.NetworkSettings.Networks, networkIn(info.Config.Labels).network)
  }

  unpause(id: string): Promise<void> {
    return this.client.containers.unpause(id)
  }

  /** Puts a container on its app's network again, under the names that it had there. */
  async reconnect(id: string): Promise<void> {
    const info = await this.inspect(id)
    if (info === null) return
    const { network, aliases } = networkIn(info.Config.Labels)
    await this.client.networks.connect(network, id, aliases)
  }

  /** @param joins networks that it is on beside the one that it is made with */
  async create(options: ContainerCreation, joins: readonly NetworkJoin[] = []): Promise<string> {
    const id = await this.client.containers.create(options)
    try {
      await this.#owners.settle(id, options)
      for (const { network, aliases } of joins) await this.client.networks.connect(network, id, aliases)
      return id
    } catch (error) {
      await this.client.containers.remove(id)
      throw error
    }
  }

  start(id: string): Promise<void> {
    return this.client.containers.start(id)
  }

  /** SIGTERM, then SIGKILL after `grace` seconds; resolves when it has ended. */
  stop(id: string, grace: number): Promise<void> {
    return this.client.containers.stop(id, grace)
  }

  /** Removes a container, running or not. False when the engine is at it already, and may be for long. */
  async remove(id: string): Promise<boolean> {
    const gone = await this.client.containers.remove(id)
    this.#started.delete(id)
    return gone
  }

  /** A container's log with times, in the engine's frames. Ends with `signal`. */
  log(id: string, query: ContainerLogQuery, signal?: AbortSignal): Promise<LogAnswer> {
    return this.client.containers.log(id, query, signal)
  }

  /** Makes the networks of an app: the one that every app has, and what more its processes are on. */
  async ensureNetworks(app: string, places: readonly NetworkPlace[] = []): Promise<void> {
    const labels = { [label.instance]: this.#instance, [label.app]: app }
    const { networks } = this.client
    await Promise.all([
      networks.ensure(networkOf(app), labels),
      ...places.map((place) => networks.ensure(placeName(app, place), labels, place.internal)),
    ])
  }

  async removeNetworks(app: string): Promise<void> {
    const all = await this.client.networks.list([`${label.instance}=${this.#instance}`, `${label.app}=${app}`])
    for (const name of new Set([networkOf(app), ...all.map(({ Name }) => Name)]))
      await this.client.networks.remove(name)
  }

  /** Apps that have a network here. */
  async networks(): Promise<string[]> {
    const all = await this.client.networks.list([`${label.instance}=${this.#instance}`, label.app])
    return all.flatMap((network) => network.Labels?.[label.app] ?? [])
  }

  info(): Promise<EngineInfo> {
    return this.client.info()
  }

  /** What an image runs of its own; nothing for one that is not there, which `create` will say. */
  commandOf(image: string): Promise<ImageCommand> {
    const known = this.#commands.get(image)
    if (known) return known
    if (this.#commands.size >= remembered) this.#commands.clear()
    const forget = () => this.#commands.delete(image)
    const command = this.client.images.inspect(image).then(
      (info) => {
        if (info) return ownCommandOf(info)
        forget()
        return { entrypoint: [], cmd: [] }
      },
      (error: unknown) => {
        forget()
        throw error
      },
    )
    this.#commands.set(image, command)
    return command
  }

  /** Unpacks a tar archive at the root of a container's file system. */
  put(id: string, archive: Buffer): Promise<void> {
    return this.client.containers.put(id, archive)
  }

  /** Starts a command in a running container. */
  exec(id: string, words: readonly string[]): Promise<ExecCommand> {
    return this.client.containers.exec(id, words)
  }
}
