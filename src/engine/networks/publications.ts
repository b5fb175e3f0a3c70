import { codeOf, messageOf } from '../errors.js'
import type { Endpoint, PortRequest } from '../records.js'
import type { Firewall, Publication } from './firewall.js'
import { holdPort, type HeldPort } from './ports.js'

interface Published {
  readonly publication: Publication
  /** Absent when somebody bound the port while the engine was away. */
  readonly held: HeldPort | undefined
}

/** The ports that containers publish: each held on the host, and redirected by the firewall. */
export class Publications {
  readonly #firewall: Firewall
  readonly #report: (line: string) => void
  readonly #byContainer = new Map<string, readonly Published[]>()

  constructor(firewall: Firewall, report: (line: string) => void) {
    this.#firewall = firewall
    this.#report = report
  }

  all(): readonly Publication[] {
    return [...this.#byContainer.values()].flat().map((each) => each.publication)
  }

  /** All or none. @throws EngineError `conflict` "port is already allocated", NetlinkError */
  async add(containerId: string, endpoint: Endpoint, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    const held: HeldPort[] = []
    try {
      for (const port of ports) held.push(await holdPort(port))
      const fresh = held.map((port) => ({ publication: publicationOf(port, endpoint), held: port }))
      await this.#firewall.publish(fresh.map((each) => each.publication))
      this.#byContainer.set(containerId, [...(this.#byContainer.get(containerId) ?? []), ...fresh])
      return held.map(({ protocol, containerPort, hostIp, hostPort }) => ({
        protocol,
        containerPort,
        hostIp,
        hostPort,
      }))
    } catch (error) {
      for (const port of held) port.release()
      throw error
    }
  }

  /** Takes note of ports published by an earlier daemon. */
  async restore(containerId: string, endpoint: Endpoint, ports: readonly PortRequest[]): Promise<void> {
    const held = ports.map(async (port) => ({
      publication: publicationOf(port, endpoint),
      held: await holdPort(port).catch((error: unknown) => {
        this.#report(`port ${port.hostPort}/${port.protocol} stays published, but: ${messageOf(error)}`)
        return undefined
      }),
    }))
    if (held.length > 0) this.#byContainer.set(containerId, await Promise.all(held))
  }

  /**
   * Withdraws a container's ports on one address; they are free again when this resolves.
   * @param repair makes the table anew, when somebody else changed it
   */
  async withdraw(containerId: string, address: string, repair: () => Promise<void>): Promise<void> {
    const all = this.#byContainer.get(containerId) ?? []
    const gone = all.filter((each) => each.publication.containerAddress === address)
    if (gone.length === 0) return
    const kept = all.filter((each) => !gone.includes(each))
    if (kept.length > 0) this.#byContainer.set(containerId, kept)
    else this.#byContainer.delete(containerId)
    try {
      await this.#firewall.withdraw(gone.map((each) => each.publication))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await repair()
    }
    for (const each of gone) each.held?.release()
  }

  /** Lets go of the host's ports; what is published stays so. */
  letGo(): void {
    for (const published of this.#byContainer.values()) for (const each of published) each.held?.release()
  }
}

const publicationOf = (port: PortRequest, endpoint: Endpoint): Publication => ({
  protocol: port.protocol,
  containerPort: port.containerPort,
  hostIp: port.hostIp,
  hostPort: port.hostPort,
  containerAddress: endpoint.ipAddress,
})
