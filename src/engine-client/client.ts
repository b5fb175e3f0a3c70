import type { Config } from '../config.js'
import { Builds } from './builds.js'
import { EngineConnection } from './connection.js'
import { EngineContainers } from './containers.js'
import { followEvents, type EngineEvent } from './events.js'
import { EngineImages } from './images.js'
import { EngineNetworks } from './networks.js'
import { usageOf, type EngineUsage } from './usage.js'
import { EngineVolumes } from './volumes.js'

/** The part of an engine's `GET /info` that the platform reads. */
export interface EngineInfo {
  /** `uname -m` */
  readonly Architecture?: string
  readonly InitBinary?: string
  readonly ServerVersion?: string
  readonly ContainersRunning?: number
  /** What is not as it should be with the machine. */
  readonly Warnings?: readonly string[] | null
  readonly InitCommit?: { readonly ID?: string }
}

/** A container engine, by its Docker API. Nothing else in the platform speaks to one. */
export class EngineClient {
  readonly containers: EngineContainers
  readonly networks: EngineNetworks
  readonly volumes: EngineVolumes
  readonly images: EngineImages
  readonly builds: Builds
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
    this.containers = new EngineContainers(connection)
    this.networks = new EngineNetworks(connection)
    this.volumes = new EngineVolumes(connection)
    this.images = new EngineImages(connection)
    this.builds = new Builds(connection)
  }

  /** The same engine; when it is away it is waited for, so many milliseconds. */
  waiting(awayMs: number): EngineClient {
    return new EngineClient(this.#connection.waiting(awayMs))
  }

  /** Whether it answers now. */
  async answers(): Promise<boolean> {
    try {
      await this.#connection.docker.ping()
      return true
    } catch {
      return false
    }
  }

  async info(): Promise<EngineInfo> {
    return (await this.#connection.ask((docker) => docker.info())) as EngineInfo
  }

  /** What it has on its disk. */
  usage(): Promise<EngineUsage> {
    return usageOf(this.#connection)
  }

  /** What happens on it: see `followEvents`. */
  events(filters: Readonly<Record<string, readonly string[]>>, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    return followEvents(this.#connection, filters, signal)
  }
}

/** A client of the engine the platform deploys on: Berth's own, dockerd or Podman's Docker socket. */
export const connectEngine = ({ engineSocket }: Pick<Config, 'engineSocket'>): EngineClient =>
  new EngineClient(new EngineConnection(engineSocket))
