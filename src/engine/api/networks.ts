import { bodies } from './bodies.js'
import { endpointOf } from '../containers/network-request.js'
import { EngineError } from '../errors.js'
import { isPredefined, type NetworkSpec } from '../networks/catalog.js'
import { familyOf } from '../kernel/ip.js'
import type { NetworkRoom } from '../networks/networks.js'
import type { NetworkRecord } from '../networks/record.js'
import type { PoolRequest } from '../networks/subnets.js'
import type { EndpointSpec, Events, Usage } from '../records.js'
import { fieldsOf, flagField, listField, mapField, objectField, textField, type Fields } from '../system/fields.js'
import { anyOf, flagOf, labelsMatch, looselyMatches, parseFilters, type Filters } from '../system/filters.js'
import { parseTimestamp } from '../system/timestamp.js'
import type { ApiRoute } from './route.js'

/** What the container room does when the API connects one of its containers, by id or name. */
export interface Attachments {
  /** @throws EngineError `missing` "No such container: x" */
  connect(container: string, spec: EndpointSpec): Promise<void>
  /** @throws EngineError `missing` */
  disconnect(container: string, networkId: string): Promise<void>
}

/** `/networks` and below. */
export const networkRoutes = (
  networks: NetworkRoom,
  usage: Usage,
  attachments: Attachments,
  events: Events,
): readonly ApiRoute[] => [...ownRoutes(networks, usage, events), ...memberRoutes(networks, attachments)]

/** Networks themselves. */
const ownRoutes = (networks: NetworkRoom, usage: Usage, events: Events): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/networks',
    handle: ({ query }, reply) => {
      const filters = parseFilters(query, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'])
      const found = networks.list().filter((network) => isListed(network, filters, networks))
      reply.json(
        200,
        found.map((network) => describe(network, {})),
      )
    },
  },
  {
    method: 'GET',
    path: '/networks/{id}',
    handle: ({ params }, reply) => {
      const network = networks.get(params.id ?? '')
      reply.json(200, describe(network, membersOf(network, networks, usage)))
    },
  },
  {
    method: 'POST',
    path: '/networks/create',
    partly: 'bridge networks; other drivers are not',
    handle: async (request, reply) => {
      const { id } = await networks.create(specOf(fieldsOf(await request.json(bodies.network))))
      reply.json(201, { Id: id, Warning: '' })
    },
  },
  {
    method: 'DELETE',
    path: '/networks/{id}',
    handle: async ({ params }, reply) => {
      await networks.remove(params.id ?? '')
      reply.empty(204)
    },
  },
  {
    method: 'POST',
    path: '/networks/prune',
    handle: async ({ query }, reply) => {
      const names = await prune(networks, query)
      events.emit('network', 'prune', '', { reclaimed: '0' })
      reply.json(200, { NetworksDeleted: names.length > 0 ? names : null })
    },
  },
]

/** Their containers. */
const memberRoutes = (networks: NetworkRoom, attachments: Attachments): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/networks/{id}/connect',
    handle: async (request, reply) => {
      const body = fieldsOf(await request.json(bodies.connect))
      const network = networks.get(request.params.id ?? '')
      await attachments.connect(containerOf(body), endpointOf(network.id, objectField(body, 'EndpointConfig')))
      reply.empty(200)
    },
  },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    partly: 'Force is as without it: a container that is gone has left nothing behind',
    handle: async (request, reply) => {
      const body = fieldsOf(await request.json(bodies.disconnect))
      const network = networks.get(request.params.id ?? '')
      await attachments.disconnect(containerOf(body), network.id)
      reply.empty(200)
    },
  },
]

/** @throws EngineError `invalid` */
function containerOf(body: Fields): string {
  const name = textField(body, 'Container')
  if (name === '') throw new EngineError('invalid', 'invalid name or ID supplied: ""')
  return name
}

/** Removes the networks that are of no use to a container. @returns their names */
async function prune(networks: NetworkRoom, query: URLSearchParams): Promise<readonly string[]> {
  const filters = parseFilters(query, ['until', 'label', 'label!'])
  const until = filters.get('until')?.[0]
  const before = until === undefined ? Infinity : parseTimestamp(until)
  const idle = networks
    .list()
    .filter((each) => !isPredefined(each.name) && networks.endpoints(each.id).size === 0)
    .filter((each) => labelsMatch(filters, each.labels) && Date.parse(each.created) < before)
  const removed = await Promise.all(idle.map((network) => removeIfIdle(networks, network)))
  return removed.filter((name) => name !== undefined)
}

/** A container may have come meanwhile: then the network stays. */
async function removeIfIdle(networks: NetworkRoom, network: NetworkRecord): Promise<string | undefined> {
  try {
    await networks.remove(network.id)
    return network.name
  } catch (error) {
    if (error instanceof EngineError && (error.fault === 'denied' || error.fault === 'missing')) return undefined
    throw error
  }
}

/** @throws EngineError `invalid` for a type there is none of */
function isOfType(wanted: string, builtin: boolean): boolean {
  if (wanted !== 'builtin' && wanted !== 'custom')
    throw new EngineError('invalid', `invalid filter: 'type'='${wanted}'`)
  return builtin === (wanted === 'builtin')
}

function isListed(network: NetworkRecord, filters: Filters, networks: NetworkRoom): boolean {
  const dangling = flagOf(filters, 'dangling')
  const builtin = isPredefined(network.name)
  return (
    (dangling === undefined || dangling === (!builtin && networks.endpoints(network.id).size === 0)) &&
    anyOf(filters, 'driver', (wanted) => network.driver === wanted) &&
    anyOf(filters, 'id', (wanted) => looselyMatches(wanted, network.id)) &&
    anyOf(filters, 'name', (wanted) => looselyMatches(wanted, network.name)) &&
    anyOf(filters, 'scope', (wanted) => wanted === 'local') &&
    anyOf(filters, 'type', (wanted) => isOfType(wanted, builtin)) &&
    labelsMatch(filters, network.labels)
  )
}

function describe(network: NetworkRecord, containers: Readonly<Record<string, unknown>>) {
  const six = network.ipv6 ?? network.idleIpv6
  const pools = [network, ...(six ? [six] : [])].filter(({ subnet }) => subnet !== '')
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv6: network.ipv6 !== undefined,
    IPAM: {
      Driver: 'default',
      Options: isPredefined(network.name) ? null : (network.ipamOptions ?? null),
      Config: pools.map(({ subnet, gateway, range, reserved }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
        ...(reserved === undefined ? {} : { AuxiliaryAddresses: reserved }),
      })),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: containers,
    Options: network.options,
    Labels: network.labels,
  }
}

function membersOf(network: NetworkRecord, networks: NetworkRoom, usage: Usage): Readonly<Record<string, unknown>> {
  const names = new Map(usage.ofNetwork(network.id).map(({ id, name }) => [id, name.replace(/^\//, '')]))
  const members = [...networks.endpoints(network.id)].map(([container, endpoint]) => [
    container,
    {
      Name: names.get(container) ?? '',
      EndpointID: endpoint.endpointId,
      MacAddress: endpoint.macAddress,
      IPv4Address: `${endpoint.ipAddress}/${endpoint.prefixLength}`,
      IPv6Address:
        endpoint.ipv6Address === undefined ? '' : `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength ?? 64}`,
    },
  ])
  return Object.fromEntries(members) as Readonly<Record<string, unknown>>
}

function specOf(body: Fields): NetworkSpec {
  if (flagField(body, 'ConfigOnly') || flagField(body, 'Ingress'))
    throw new EngineError('unsupported', 'config-only and ingress networks are not supported')
  const scope = textField(body, 'Scope') || 'local'
  if (scope !== 'local')
    throw new EngineError('denied', `cannot create a ${scope} scoped network when swarm is not active`)
  const ipam = objectField(body, 'IPAM')
  const driver = textField(ipam, 'Driver') || 'default'
  if (driver !== 'default') throw new EngineError('missing', `plugin "${driver}" not found`)
  const pools = listField(ipam, 'Config').map((config) => poolOf(fieldsOf(config)))
  const [four, second] = pools.filter((pool) => familyOf(pool.subnet ?? '') === 4)
  const [six, another] = pools.filter((pool) => familyOf(pool.subnet ?? '') === 6)
  if (second ?? another) throw new EngineError('denied', "bridge driver doesn't support multiple subnets")
  return {
    name: textField(body, 'Name'),
    driver: textField(body, 'Driver') || 'bridge',
    internal: flagField(body, 'Internal'),
    attachable: flagField(body, 'Attachable'),
    ...four,
    ...(flagField(body, 'EnableIPv6') ? { ipv6: six ?? {} } : six ? { idleIpv6: six } : {}),
    labels: mapField(body, 'Labels'),
    options: mapField(body, 'Options'),
    ...((ipam.Options ?? null) === null ? {} : { ipamOptions: mapField(ipam, 'Options') }),
  }
}

function poolOf(config: Fields): PoolRequest {
  const reserved = mapField(config, 'AuxiliaryAddresses')
  const given = {
    subnet: textField(config, 'Subnet'),
    gateway: textField(config, 'Gateway'),
    range: textField(config, 'IPRange'),
  }
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
    ...(Object.keys(reserved).length > 0 ? { reserved } : {}),
  }
}
