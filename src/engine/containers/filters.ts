import { anyOf, flagOf, labelsMatch, looselyMatches, type Filters } from '../system/filters.js'
import { EngineError } from '../errors.js'
import type { ContainerCatalog } from './catalog.js'
import type { Container, ContainerDeps } from './container.js'
import { portList } from './describe.js'

export const containerFilters = [
  'ancestor', 'before', 'expose', 'exited', 'health', 'id', 'is-task', 'label', 'name', 'network', 'publish', 'since', 'status',
  'volume',
] // prettier-ignore

const healths = ['starting', 'healthy', 'unhealthy', 'none']
const statuses = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']

/** The containers that pass the filters of `GET /containers/json`. @throws EngineError `invalid` */
export async function selectContainers(
  { images: store }: ContainerDeps,
  catalog: ContainerCatalog,
  filters: Filters,
  all: boolean,
): Promise<Container[]> {
  refuseUnknown(filters)
  const ports = { publish: portsIn(filters, 'publish'), expose: portsIn(filters, 'expose') }
  const anyPort = ports.publish.size + ports.expose.size === 0
  const everything = all || filters.has('status') || filters.has('exited')
  const images = await Promise.all((filters.get('ancestor') ?? []).map((name) => imageIdOf(store, name)))
  const created = (key: string): string | undefined => {
    const [reference] = filters.get(key) ?? []
    return reference === undefined ? undefined : catalog.find(reference).record.created
  }
  const before = created('before')
  const since = created('since')
  if (flagOf(filters, 'is-task') === true) return [] // there is no swarm
  return catalog.all().filter((container) => {
    const { record, id, health } = container
    const { state, config } = record
    if (!everything && !container.up && state.status !== 'restarting') return false
    return (
      anyOf(filters, 'status', (status) => status === state.status) &&
      anyOf(filters, 'id', (wanted) => looselyMatches(wanted, id)) &&
      anyOf(filters, 'name', (wanted) =>
        catalog
          .namesOf(container)
          .some((name) => looselyMatches(wanted, name) || looselyMatches(wanted, name.slice(1))),
      ) &&
      anyOf(filters, 'exited', (code) => state.status === 'exited' && state.exitCode === Number(code)) &&
      anyOf(filters, 'health', (wanted) => wanted === (health?.status ?? 'none')) &&
      anyOf(filters, 'network', (wanted) => onNetwork(container, wanted)) &&
      anyOf(filters, 'volume', (wanted) =>
        record.mounts.some(({ name, source, target }) => [name, source, target].includes(wanted)),
      ) &&
      (anyPort ||
        portList(container).some(
          ({ publicPort, privatePort, type }) =>
            ports.publish.has(`${publicPort}/${type}`) || ports.expose.has(`${privatePort}/${type}`),
        )) &&
      (images.length === 0 || images.some((image) => image === record.image || image === config.Image)) &&
      (before === undefined || record.created < before) &&
      (since === undefined || record.created > since) &&
      labelsMatch(filters, config.Labels)
    )
  })
}

/** The name itself where there is no such image: a container may remember it. */
const imageIdOf = (store: ContainerDeps['images'], name: string): Promise<string> =>
  store.get(name).then(
    ({ id }) => id,
    () => name,
  )

function onNetwork({ record }: Container, wanted: string): boolean {
  const { endpoints, networks, hostConfig } = record
  return (
    endpoints.some(({ networkId, networkName }) => networkName === wanted || networkId.startsWith(wanted)) ||
    networks.some(({ network }) => network === wanted) ||
    hostConfig.NetworkMode === wanted
  )
}

/** @throws EngineError `invalid` for a value that nothing can have */
function refuseUnknown(filters: Filters): void {
  const refuse = (key: string, known: (value: string) => boolean, say: (value: string) => string): void => {
    const bad = (filters.get(key) ?? []).find((value) => !known(value))
    if (bad !== undefined) throw new EngineError('invalid', say(bad))
  }
  refuse(
    'status',
    (value) => statuses.includes(value),
    (value) => `invalid filter 'status=${value}'`,
  )
  refuse(
    'health',
    (value) => healths.includes(value),
    (value) => `Unrecognised filter value for health: ${value}`,
  )
  refuse(
    'exited',
    (value) => /^[+-]?\d+$/.test(value),
    (value) => `invalid filter 'exited=${value}'`,
  )
}

/** `80`, `80/udp` or `80-90/tcp`, each port as `80/tcp`. @throws EngineError `invalid` */
function portsIn(filters: Filters, key: string): ReadonlySet<string> {
  const ports = new Set<string>()
  for (const value of filters.get(key) ?? []) {
    const [, from = '', to = from, type = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
    if (from === '' || Number(to) > 65535 || Number(to) < Number(from))
      throw new EngineError('invalid', `error while looking up for ${key} ${value}: invalid port`)
    for (let port = Number(from); port <= Number(to); port++) ports.add(`${port}/${type}`)
  }
  return ports
}
