import { EngineError } from '../errors.js'
import type { Container, Shop } from './container.js'

/** A `--link` on the default bridge: what this container calls another. */
interface Link {
  readonly alias: string
  readonly other: Container
}

const asked = ({ record }: Container): readonly string[] =>
  ((record.hostConfig.Links ?? []) as readonly unknown[]).map(String)

/** On a network with names a link is one of them: the networks see to it. */
const onDefaultBridge = ({ record }: Container): boolean => record.networks.some(({ network }) => network === 'bridge')

function linksOf(shop: Pick<Shop, 'find'>, container: Container): readonly Link[] {
  if (!onDefaultBridge(container)) return []
  return asked(container).map((text) => {
    const [name = '', alias = name] = text.split(':')
    const other = shop.find(name.replace(/^\//, ''))
    if (!other.up)
      throw new EngineError(
        'conflict',
        `Cannot link to a non running container: /${other.record.name} AS /${container.record.name}/${alias}`,
      )
    return { alias: alias.split('/').at(-1) ?? alias, other }
  })
}

/** Lines of /etc/hosts for the containers that one is linked to. @throws EngineError `conflict`, `missing` */
export const linkedHosts = (shop: Pick<Shop, 'find'>, container: Container): readonly string[] =>
  linksOf(shop, container).flatMap(({ alias, other }) => {
    const { id, name, endpoints } = other.record
    const address = endpoints.find(({ networkName }) => networkName === 'bridge')?.ipAddress
    return address === undefined ? [] : [`${address}\t${[...new Set([alias, id.slice(0, 12), name])].join(' ')}`]
  })

/** The variables by which a program of 2013 finds what it is linked to. */
export const linkedVariables = (shop: Pick<Shop, 'find'>, container: Container): readonly string[] =>
  linksOf(shop, container).flatMap(({ alias, other }) => {
    const { config, endpoints } = other.record
    const address = endpoints.find(({ networkName }) => networkName === 'bridge')?.ipAddress ?? ''
    const prefix = alias.replaceAll('-', '_').toUpperCase()
    const ports = Object.keys(config.ExposedPorts ?? {}).map((key) => key.split('/') as [string, string?])
    const [first] = ports
    return [
      ...(first ? [`${prefix}_PORT=${first[1] ?? 'tcp'}://${address}:${first[0]}`] : []),
      ...ports.flatMap(([port, protocol = 'tcp']) => {
        const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
        return [
          `${name}=${protocol}://${address}:${port}`,
          `${name}_ADDR=${address}`,
          `${name}_PORT=${port}`,
          `${name}_PROTO=${protocol}`,
        ]
      }),
      `${prefix}_NAME=/${container.record.name}/${alias}`,
    ]
  })

/** What a container on the default bridge calls another, of which `names` are known, as `/web/db`. */
export const linksTo = (container: Container, names: readonly string[]): readonly string[] =>
  asked(container).length === 0 || !onDefaultBridge(container)
    ? []
    : asked(container).flatMap((text) => {
        const [name = '', alias = name] = text.split(':')
        const called = alias.split('/').at(-1) ?? alias
        return names.includes(name.replace(/^\//, '')) ? [`/${container.record.name}/${called}`] : []
      })
