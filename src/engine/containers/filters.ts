import { anyOf, flagOf, labelsMatch, looselyMatches, type Filters } from '../system/filters.js'
import { EngineError } from '../errors.js'
import type { Container } from './container.js'
import type { Containers } from './containers.js'

export const containerFilters = [
  'ancestor', 'before', 'expose', 'exited', 'health', 'id', 'is-task', 'label', 'label!', 'name', 'network', 'publish', 'since',
  'status', 'until', 'volume',
] // prettier-ignore

const statuses = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']

/** The containers that pass the filters of `GET /containers/json`. @throws EngineError `invalid` */
export async function selectContainers(containers: Containers, filters: Filters, all: boolean): Promise<Container[]> {
  const bad = (filters.get('status') ?? []).find((status) => !statuses.includes(status))
  if (bad !== undefined) throw new EngineError('invalid', `invalid filter 'status=${bad}'`)
  const everything = all || filters.has('status') || filters.has('exited')
  const images = await Promise.all(
    (filters.get('ancestor') ?? []).map((name) =>
      containers.shop.images.get(name).then(
        ({ id }) => id,
        () => name,
      ),
    ),
  )
  const created = (key: string): string | undefined => {
    const [reference] = filters.get(key) ?? []
    return reference === undefined ? undefined : containers.find(reference).record.created
  }
  const before = created('before')
  const since = created('since')
  flagOf(filters, 'is-task')
  return containers.all().filter((container) => {
    const { record, id, health } = container
    const { state, config } = record
    if (!everything && !container.up && state.status !== 'restarting') return false
    return (
      anyOf(filters, 'status', (status) => status === state.status) &&
      anyOf(filters, 'id', (wanted) => looselyMatches(wanted, id)) &&
      anyOf(filters, 'name', (wanted) => looselyMatches(wanted, `/${record.name}`) || wanted === record.name) &&
      anyOf(filters, 'exited', (code) => state.status === 'exited' && state.exitCode === Number(code)) &&
      anyOf(filters, 'health', (wanted) => wanted === (health?.status ?? 'none')) &&
      anyOf(filters, 'network', (wanted) => onNetwork(container, wanted)) &&
      anyOf(filters, 'volume', (wanted) =>
        record.mounts.some(({ name, target }) => name === wanted || target === wanted),
      ) &&
      anyOf(filters, 'publish', (port) =>
        record.ports.some(({ hostPort }) => hostPort === Number(port.split('/')[0])),
      ) &&
      anyOf(filters, 'expose', (port) =>
        Object.keys(config.ExposedPorts ?? {}).some((key) => key.split('/')[0] === port.split('/')[0]),
      ) &&
      (images.length === 0 || images.some((image) => image === record.image || image === config.Image)) &&
      (before === undefined || record.created < before) &&
      (since === undefined || record.created > since) &&
      labelsMatch(filters, config.Labels)
    )
  })
}

function onNetwork({ record }: Container, wanted: string): boolean {
  const { endpoints, networks, hostConfig } = record
  return (
    endpoints.some(({ networkId, networkName }) => networkName === wanted || networkId === wanted) ||
    networks.some(({ network }) => network === wanted) ||
    hostConfig.NetworkMode === wanted
  )
}
