import { EngineError } from '../errors.js'
import type { EndpointSpec } from '../records.js'
import type { Containers } from './containers.js'
import { writeNames } from './start.js'

/** Puts containers on networks and takes them off, running or not. */
export class Membership {
  readonly #containers: Containers
  constructor(containers: Containers) {
    this.#containers = containers
  }

  /** @throws EngineError `missing`, `denied` when it is there already */
  async connect(reference: string, spec: EndpointSpec): Promise<void> {
    const container = this.#containers.find(reference)
    const { networks, store } = this.#containers.shop
    await container.inTurn(async () => {
      const { record } = container
      const { id, name } = await networks.check(spec.network)
      if (record.networks.some(({ network }) => network === name || network === id))
        throw new EngineError('denied', `endpoint with name ${record.name} already exists in network ${name}`)
      if (container.up) {
        const first = record.endpoints.length === 0
        const endpoint = await networks.connect(record.id, record.state.pid, { ...spec, network: id }, first)
        record.endpoints = [...record.endpoints, endpoint]
        await writeNames(this.#containers.shop, container, record.endpoints)
      }
      record.networks = [...record.networks, { ...spec, network: name }]
      await store.save(record)
    })
  }

  /** @throws EngineError `missing` when it is not there */
  async disconnect(reference: string, networkId: string, force: boolean): Promise<void> {
    const container = this.#containers.find(reference)
    const { networks, store } = this.#containers.shop
    await container.inTurn(async () => {
      const { record } = container
      const { id, name } = await networks.check(networkId)
      const there = record.networks.some(({ network }) => network === name || network === id)
      if (!there && !force)
        throw new EngineError('missing', `container ${record.id} is not connected to network ${name}`)
      if (record.endpoints.some((endpoint) => endpoint.networkId === id)) await networks.disconnect(record.id, id)
      record.endpoints = record.endpoints.filter((endpoint) => endpoint.networkId !== id)
      record.networks = record.networks.filter(({ network }) => network !== name && network !== id)
      await store.save(record)
    })
  }
}
