import { EngineError } from '../errors.js'
import { isPredefined, type NetworkSpec } from '../networks/catalog.js'
import type { NetworkRoom } from '../networks/networks.js'
import type { NetworkRecord } from '../networks/record.js'
import type { EndpointSpec, Usage } from '../records.js'
import { fieldsOf, flagField, listField, mapField, objectField, textField, type Fields } from '../system/fields.js'
import { anyOf, flagOf, labelsMatch, looselyMatches, parseFilters, type Filters } from '../system/filters.js'
import { parseMoment } from '../system/moment.js'
import type { ApiRoute } from './route.js'

/** What the container room does when the API connects one of its containers, by id or name. */
export interface Attachments {
  /** @throws EngineError `missing` "No such container: x" */
  connect(container: string, spec: EndpointSpec): Promise<void>
  /** @throws EngineError `missing` */
  disconnect(container: string, networkId: string, force: boolean): Promise<void>
}

/** `/networks` and below. */
export const networkRoutes = (networks: NetworkRoom, usage: Usage, attachments: Attachments): readonly ApiRoute[] => [
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
    partly: 'IPv4 bridge networks; other drivers, IPv6 and bridge options but the MTU are not',
    handle: async (request, reply) => {
      const { id } = await networks.create(specOf(fieldsOf(await request.json())))
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
    path: '/networks/{id}/connect',
    partly: 'Links and DriverOpts are ignored',
    handle: async (request, reply) => {
      const network = networks.get(request.params.id ?? '')
      const body = fieldsOf(await request.json())
      await attachments.connect(textField(body, 'Container'), endpointOf(network, objectField(body, 'EndpointConfig')))
      reply.empty(200)
    },
  },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    handle: async (request, reply) => {
      const network = networks.get(request.params.id ?? '')
      const body = fieldsOf(await request.json())
      await attachments.disconnect(textField(body, 'Container'), network.id, flagField(body, 'Force'))
      reply.empty(200)
    },
  },
  {
    method: 'POST',
    path: '/networks/prune',
    handle: async ({ query }, reply) => {
      const filters = parseFilters(query, ['until', 'label', 'label!'])
      const until = filters.get('until')?.[0]
      const before = until === undefined ? Infinity : parseMoment(until)
      const idle = networks
        .list()
        .filter((each) => !isPredefined(each.name) && networks.endpoints(each.id).size === 0)
        .filter((each) => labelsMatch(filters, each.labels) && Date.parse(each.created) < before)
      const removed = await Promise.all(idle.map((network) => removeIfIdle(networks, network)))
      const names = removed.filter((name) => name !== undefined)
      reply.json(200, { NetworksDeleted: names.length > 0 ? names : null })
    },
  },
]

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

function isListed(network: NetworkRecord, filters: Filters, networks: NetworkRoom): boolean {
  const dangling = flagOf(filters, 'dangling')
  const builtin = isPredefined(network.name)
  return (
    (dangling === undefined || dangling === (!builtin && networks.endpoints(network.id).size === 0)) &&
    anyOf(filters, 'driver', (wanted) => network.driver === wanted) &&
    anyOf(filters, 'id', (wanted) => looselyMatches(wanted, network.id)) &&
    anyOf(filters, 'name', (wanted) => looselyMatches(wanted, network.name)) &&
    anyOf(filters, 'scope', (wanted) => wanted === 'local') &&
    anyOf(filters, 'type', (wanted) => wanted === (builtin ? 'builtin' : 'custom')) &&
    labelsMatch(filters, network.labels)
  )
}

function describe(network: NetworkRecord, containers: Readonly<Record<string, unknown>>) {
  const { subnet, gateway, range } = network
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: isPredefined(network.name) ? null : {},
      Config: subnet === '' ? [] : [{ Subnet: subnet, ...(range ? { IPRange: range } : {}), Gateway: gateway }],
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
      IPv6Address: '',
    },
  ])
  return Object.fromEntries(members) as Readonly<Record<string, unknown>>
}

function specOf(body: Fields): NetworkSpec {
  if (flagField(body, 'EnableIPv6')) throw new EngineError('unsupported', 'IPv6 networks are not supported')
  if (flagField(body, 'ConfigOnly') || flagField(body, 'Ingress'))
    throw new EngineError('unsupported', 'config-only and ingress networks are not supported')
  const [config, second] = listField(objectField(body, 'IPAM'), 'Config').map(fieldsOf)
  if (second) throw new EngineError('unsupported', "bridge driver doesn't support multiple subnets")
  const given = (name: string, key: string) => {
    const value = config ? textField(config, name) : ''
    return value === '' ? {} : { [key]: value }
  }
  return {
    name: textField(body, 'Name'),
    driver: textField(body, 'Driver') || 'bridge',
    internal: flagField(body, 'Internal'),
    attachable: flagField(body, 'Attachable'),
    ...given('Subnet', 'subnet'),
    ...given('Gateway', 'gateway'),
    ...given('IPRange', 'range'),
    labels: mapField(body, 'Labels'),
    options: mapField(body, 'Options'),
  }
}

/** An EndpointSettings object of the API. @throws EngineError `invalid` */
export function endpointOf(network: NetworkRecord, settings: Fields): EndpointSpec {
  const ipv4Address = textField(objectField(settings, 'IPAMConfig'), 'IPv4Address')
  const macAddress = textField(settings, 'MacAddress')
  return {
    network: network.id,
    aliases: listField(settings, 'Aliases').map(String),
    ...(ipv4Address === '' ? {} : { ipv4Address }),
    ...(macAddress === '' ? {} : { macAddress }),
  }
}
