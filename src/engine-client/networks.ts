import type { NetworkInspectInfo } from 'dockerode'
import type { EngineConnection } from './connection.js'
import { unlessRefused } from './errors.js'

/** A network, listed or looked at. */
export type NetworkDetails = NetworkInspectInfo

/** The networks of an engine. */
export class EngineNetworks {
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Those that carry all of these labels (`name=value`, or `name`). */
  list(labels: readonly string[]): Promise<NetworkDetails[]> {
    return this.#connection.ask((docker) => docker.listNetworks({ filters: { label: [...labels] } }))
  }

  /** Makes a bridge, unless one of that name is there. @param internal nothing on it reaches anything outside */
  async ensure(name: string, labels: Readonly<Record<string, string>>, internal = false): Promise<void> {
    const there = await unlessRefused(
      this.#connection.ask((docker) => docker.getNetwork(name).inspect()),
      404,
    )
    if (there !== null) return
    const options = { Name: name, Driver: 'bridge', CheckDuplicate: true, Internal: internal, Labels: { ...labels } }
    await unlessRefused(
      this.#connection.ask((docker) => docker.createNetwork(options)),
      409,
    )
  }

  /** Puts a container on a network, under these names. */
  async connect(name: string, container: string, aliases: readonly string[]): Promise<void> {
    const options = { Container: container, EndpointConfig: { Aliases: [...aliases] } }
    await this.#connection.ask((docker) => docker.getNetwork(name).connect(options))
  }

  /** Takes a container off a network, if both are there. */
  async disconnect(name: string, container: string): Promise<void> {
    await unlessRefused(
      this.#connection.ask((docker) => docker.getNetwork(name).disconnect({ Container: container, Force: true })),
      404,
    )
  }

  /** Removes one, if it is there; by name or id. */
  async remove(name: string): Promise<void> {
    await unlessRefused(
      this.#connection.ask((docker) => docker.getNetwork(name).remove()),
      404,
    )
  }
}
