import { EngineError, isFault } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'

const asked = ({ record }: Container): readonly string[] => record.hostConfig.Links ?? []

/** On a network with names a link is one of them: the networks see to it. */
const onDefaultBridge = ({ record }: Container): boolean => record.networks.some(({ network }) => network === 'bridge')

function linksOf(container: Container): readonly { readonly name: string; readonly alias: string }[] {
  if (!onDefaultBridge(container)) return []
  return asked(container).map((text) => {
    const [name = '', alias = name] = text.split(':')
    return { name: name.replace(/^\//, ''), alias: alias.split('/').at(-1) ?? alias }
  })
}

/** Lines of /etc/hosts for the containers that one is linked to. @throws EngineError `conflict`, `missing` */
export const linkedHosts = (deps: Pick<ContainerDeps, 'find'>, container: Container): readonly string[] =>
  linksOf(container).flatMap(({ name: asked, alias }) => {
    const other = deps.find(asked)
    const { id, name, endpoints } = other.record
    if (!other.up)
      throw new EngineError(
        'conflict',
        `Cannot link to a non running container: /${name} AS /${container.record.name}/${alias}`,
      )
    const address = endpoints.find(({ networkName }) => networkName === 'bridge')?.ipAddress
    return address === undefined ? [] : [`${address}\t${[...new Set([alias, id.slice(0, 12), name])].join(' ')}`]
  })

/** One that runs; undefined when it has stopped, or is gone. */
function running(deps: Pick<ContainerDeps, 'find'>, name: string): Container | undefined {
  try {
    const found = deps.find(name)
    return found.up ? found : undefined
  } catch (error) {
    if (isFault(error, 'missing')) return undefined
    throw error
  }
}

interface LinkedPort {
  readonly number: number
  readonly protocol: string
}

/** Exposed ports, the lowest first, and tcp before udp. */
function portsOf(exposed: Readonly<Record<string, unknown>> = {}): readonly LinkedPort[] {
  const ports = Object.keys(exposed).map((key) => {
    const [port, protocol = 'tcp'] = key.split('/')
    return { number: Number(port), protocol }
  })
  return ports.sort((a, b) => a.number - b.number || (a.protocol < b.protocol ? -1 : 1))
}

/** Ports in a row of one protocol: the first and last of each row of several. */
function rowsOf(ports: readonly LinkedPort[]): readonly (readonly [LinkedPort, LinkedPort])[] {
  const rows: [LinkedPort, LinkedPort][] = []
  for (const port of ports) {
    const row = rows.find(([, { number, protocol }]) => number + 1 === port.number && protocol === port.protocol)
    if (row) row[1] = port
    else rows.push([port, port])
  }
  return rows.filter(([first, last]) => first !== last)
}

/**
 * The variables by which a program of 2013 finds what it is linked to, as dockerd's links package names them. What it was
 * linked to when it started may be gone when a command is run in it.
 */
export const linkedVariables = (deps: Pick<ContainerDeps, 'find'>, container: Container): readonly string[] =>
  linksOf(container).flatMap(({ name, alias }) => {
    const other = running(deps, name)
    if (!other) return []
    const { config, endpoints } = other.record
    const address = endpoints.find(({ networkName }) => networkName === 'bridge')?.ipAddress ?? ''
    const prefix = alias.replaceAll('-', '_').toUpperCase()
    const ports = portsOf(config.ExposedPorts)
    const url = ({ number, protocol }: LinkedPort): string => `${protocol}://${address}:${String(number)}`
    const nameOf = ({ number, protocol }: LinkedPort): string =>
      `${prefix}_PORT_${String(number)}_${protocol.toUpperCase()}`
    const [first] = ports
    return [
      ...(first ? [`${prefix}_PORT=${url(first)}`] : []),
      ...rowsOf(ports).flatMap(([first, last]) => {
        const name = nameOf(first)
        return [
          ...[`${name}_START=${url(first)}`, `${name}_ADDR=${address}`, `${name}_PROTO=${first.protocol}`],
          ...[`${name}_PORT_START=${String(first.number)}`, `${name}_END=${url(last)}`],
          `${name}_PORT_END=${String(last.number)}`,
        ]
      }),
      ...ports.flatMap((port) => {
        const name = nameOf(port)
        return [
          ...[`${name}=${url(port)}`, `${name}_ADDR=${address}`],
          ...[`${name}_PORT=${String(port.number)}`, `${name}_PROTO=${port.protocol}`],
        ]
      }),
      `${prefix}_NAME=/${container.record.name}/${alias}`,
      ...config.Env.filter((entry) => entry.includes('=') && !/^(HOME|PATH)=/.test(entry)).map(
        (entry) => `${prefix}_ENV_${entry}`,
      ),
    ]
  })

/** Its links as Docker shows them: `/db:/web/alias`. */
export const shownLinks = (container: Container): readonly string[] | null =>
  onDefaultBridge(container) && asked(container).length > 0
    ? linksOf(container).map(({ name, alias }) => `/${name}:/${container.record.name}/${alias}`)
    : (container.record.hostConfig.Links ?? null)

/** Its links once a container that they lead to is called otherwise; undefined when none does. */
export function renamedLinks(container: Container, from: string, to: string): readonly string[] | undefined {
  const links = asked(container)
  const renamed = links.map((link) => {
    const [name = '', alias = name] = link.split(':')
    return name.replace(/^\//, '') === from ? `${to}:${alias}` : link
  })
  return renamed.some((link, index) => link !== links[index]) ? renamed : undefined
}

/** What a container on the default bridge calls another, of which `names` are known, as `/web/db`. */
export const linksTo = (container: Container, names: readonly string[]): readonly string[] =>
  linksOf(container).flatMap(({ name, alias }) => (names.includes(name) ? [`/${container.record.name}/${alias}`] : []))
