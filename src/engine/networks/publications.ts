import { codeOf, messageOf } from '../errors.js'
import type { Endpoint, PortRequest } from '../records.js'
import type { Conntrack } from './conntrack.js'
import type { Firewall, Publication } from './firewall.js'
import { familyOf } from '../kernel/ip.js'
import { holdPort, holdPorts, type HeldPort } from './ports.js'
import type { RelayTarget } from './relay.js'

interface Published {
  readonly networkId: string
  readonly request: PortRequest
  /** Absent when the container has no address of the port's family: then it is relayed. */
  readonly publication: Publication | undefined
  /** Absent when somebody bound the port while the engine was away. */
  readonly held: HeldPort | undefined
}

/** The ports that containers publish: each held on the host, and redirected by the firewall. */
export class Publications {
  readonly #firewall: Firewall
  readonly #conntrack: Conntrack
  readonly #report: (line: string) => void
  readonly #byContainer = new Map<string, readonly Published[]>()

  constructor(firewall: Firewall, conntrack: Conntrack, report: (line: string) => void) {
    this.#firewall = firewall
    this.#conntrack = conntrack
    this.#report = report
  }

  all(): readonly Publication[] {
    return [...this.#byContainer.values()].flat().flatMap((each) => each.publication ?? [])
  }

  /** What a container publishes on a network. */
  of(containerId: string, networkId: string): readonly PortRequest[] {
    const all = this.#byContainer.get(containerId) ?? []
    return all.filter((each) => each.networkId === networkId).map((each) => each.request)
  }

  /** All or none. @throws EngineError `conflict` "port is already allocated", NetlinkError */
  async add(containerId: string, endpoint: Endpoint, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    const held: HeldPort[] = []
    try {
      for (const port of ports) held.push(...(await holdPorts(port, targetOf(port, endpoint))))
      const fresh = held.map((port) => published(plain(port), endpoint, port))
      const publications = fresh.flatMap((each) => each.publication ?? [])
      await this.#firewall.publish(publications)
      await this.#conntrack.forgetUnpublished(publications)
      this.#byContainer.set(containerId, [...(this.#byContainer.get(containerId) ?? []), ...fresh])
      return fresh.map((each) => each.request)
    } catch (error) {
      for (const port of held) port.release()
      throw error
    }
  }

  /** Takes note of ports published by an earlier daemon. */
  async restore(containerId: string, endpoint: Endpoint, ports: readonly PortRequest[]): Promise<void> {
    const all = ports.map(async (port) => {
      const held = await holdPort(port, targetOf(port, endpoint)).catch((error: unknown) => {
        this.#report(`port ${port.hostPort}/${port.protocol} stays published, but: ${messageOf(error)}`)
        return undefined
      })
      return published(port, endpoint, held)
    })
    if (all.length > 0) this.#byContainer.set(containerId, await Promise.all(all))
  }

  /**
   * Withdraws a container's ports on one network; they are free again when this resolves.
   * @param repair makes the table anew, when somebody else changed it
   */
  async withdraw(containerId: string, networkId: string, repair: () => Promise<void>): Promise<void> {
    const all = this.#byContainer.get(containerId) ?? []
    const gone = all.filter((each) => each.networkId === networkId)
    if (gone.length === 0) return
    const kept = all.filter((each) => !gone.includes(each))
    if (kept.length > 0) this.#byContainer.set(containerId, kept)
    else this.#byContainer.delete(containerId)
    try {
      await this.#firewall.withdraw(gone.flatMap((each) => each.publication ?? []))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await repair()
    }
    // whoever has sent there before is led nowhere from now on, or to the next who publishes the port
    for (const address of new Set(gone.flatMap((each) => each.publication?.containerAddress ?? [])))
      await this.#conntrack.forgetPublished(address)
    for (const each of gone) each.held?.release()
  }

  /** Lets go of the host's ports; what is published stays so. */
  letGo(): void {
    for (const published of this.#byContainer.values()) for (const each of published) each.held?.release()
  }
}

const plain = ({ protocol, containerPort, hostIp, hostPort }: HeldPort): PortRequest => ({
  protocol,
  containerPort,
  hostIp,
  hostPort,
})

const targetOf = ({ containerPort }: PortRequest, { ipAddress, ipv6Address }: Endpoint): RelayTarget => ({
  address: ipAddress === '' ? (ipv6Address ?? '') : ipAddress,
  port: containerPort,
})

function published(request: PortRequest, endpoint: Endpoint, held: HeldPort | undefined): Published {
  const { networkId, ipAddress, ipv6Address } = endpoint
  // nothing from ::1 is ever routed, so what is published there is relayed
  const byIpv6 = familyOf(request.hostIp) === 6
  const containerAddress = byIpv6 ? (request.hostIp === '::1' ? undefined : ipv6Address) : ipAddress
  const publication = containerAddress === undefined ? undefined : { ...request, containerAddress }
  return { networkId, request, publication, held }
}
