import { EngineError, isFault } from '../errors.js'
import type { Endpoint, EndpointSpec } from '../records.js'
import type { Container, ContainerDeps } from './container.js'
import { askingOf, memberOf } from './member.js'
import { checkEndpoint, portsOf } from './network-request.js'
import { writeNames } from './start.js'

/** Puts containers on networks and takes them off, running or not. */
export class Membership {
  readonly #deps: ContainerDeps
  constructor(deps: ContainerDeps) {
    this.#deps = deps
  }

  /** @throws EngineError `missing`, `denied` when it is there already or can be on none */
  async connect(container: Container, spec: EndpointSpec): Promise<void> {
    const { networks, store } = this.#deps
    await container.exclusively(async () => {
      const { record } = container
      const { id, name, driver } = await networks.check(spec.network)
      refuseShared(container)
      if (driver === 'null') throw privateMode()
      if (driver === 'host') throw hostMode()
      checkEndpoint(name, spec)
      if (record.networks.some(({ network }) => network === name || network === id))
        throw new EngineError('denied', `endpoint with name ${record.name} already exists in network ${name}`)
      const asked = askingOf(record)
      const request = { ...spec, network: name }
      const endpoint = container.up ? await this.#plug(container, request) : undefined
      if (endpoint) record.endpoints = [...record.endpoints, endpoint]
      record.networks = [...record.networks, request]
      if (endpoint) await this.#settle(container, askingOf(record) !== asked)
      await store.save(record)
    })
  }

  /** @throws EngineError `missing` when it is not there */
  async disconnect(container: Container, networkId: string): Promise<void> {
    const { networks, store } = this.#deps
    await container.exclusively(async () => {
      const { record } = container
      const { id, name, driver } = await networks.check(networkId)
      if (driver === 'host') throw hostMode()
      const there = record.networks.some(({ network }) => network === name || network === id)
      if (!there) throw new EngineError('missing', `container ${record.id} is not connected to network ${name}`)
      const plumbed = record.endpoints.some((endpoint) => endpoint.networkId === id)
      if (plumbed) await networks.disconnect(record.id, id)
      record.endpoints = record.endpoints.filter((endpoint) => endpoint.networkId !== id)
      record.networks = record.networks.filter(({ network }) => network !== name && network !== id)
      if (plumbed) await this.#settle(container, false)
      await store.save(record)
    })
  }

  /** Undefined when its processes have just ended: it is on the network from its next start. */
  async #plug(container: Container, spec: EndpointSpec): Promise<Endpoint | undefined> {
    try {
      return await this.#deps.networks.connect(memberOf(container.record), spec)
    } catch (error) {
      if (!container.ending || !isFault(error, 'broken')) throw error
      return undefined
    }
  }

  /** Its ports are published wherever it goes out by now; its files tell of the addresses it has. */
  async #settle(container: Container, asksOthers: boolean): Promise<void> {
    const { record } = container
    const { networks } = this.#deps
    const wanted = portsOf(record.hostConfig, record.config.ExposedPorts)
    record.ports = await networks.republish(record.id, wanted)
    await writeNames(this.#deps, container, record.endpoints, asksOthers)
  }
}

function refuseShared({ record: { hostConfig } }: Container): void {
  const mode = hostConfig.NetworkMode
  if (mode === 'host' || mode.startsWith('container:'))
    throw new EngineError(
      'denied',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  if (mode === 'none') throw privateMode()
}

const hostMode = (): EngineError =>
  new EngineError('invalid', 'container cannot be disconnected from host network or connected to host network')

const privateMode = (): EngineError =>
  new EngineError(
    'denied',
    'container cannot be connected to multiple networks with one of the networks in private (none) mode',
  )
