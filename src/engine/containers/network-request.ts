import { isIP, isIPv4, isIPv6 } from 'node:net'
import { EngineError } from '../errors.js'
import type { EndpointSpec, PortRequest } from '../records.js'
import { fieldsOf, listField, mapField, objectField, textField, type Fields } from '../system/fields.js'
import type { HostConfig } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** An EndpointSettings object of the API. @throws EngineError `invalid` */
export function endpointOf(network: string, settings: Fields, macAddress = ''): EndpointSpec {
  const ipam = objectField(settings, 'IPAMConfig')
  const given = (key: string, value: string) => (value === '' ? {} : { [key]: value })
  const links = listField(settings, 'Links').map(String)
  const [ipv4, ipv6] = [textField(ipam, 'IPv4Address'), textField(ipam, 'IPv6Address')]
  if (ipv4 !== '' && !isIPv4(ipv4)) throw invalid(`invalid IPv4 address: ${ipv4}`)
  if (ipv6 !== '' && !isIPv6(ipv6)) throw invalid(`invalid IPv6 address: ${ipv6}`)
  const linkLocalIps = listField(ipam, 'LinkLocalIPs').map(String)
  for (const address of linkLocalIps)
    if (isIP(address) === 0) throw invalid(`invalid link-local IP address: ${address}`)
  const driverOpts = mapField(settings, 'DriverOpts')
  return {
    network,
    aliases: listField(settings, 'Aliases').map(String),
    ...given('ipv4Address', ipv4),
    ...given('ipv6Address', ipv6),
    ...given('macAddress', textField(settings, 'MacAddress') || macAddress),
    ...(links.length > 0 ? { links } : {}),
    ...(linkLocalIps.length > 0 ? { linkLocalIps } : {}),
    ...(Object.keys(driverOpts).length > 0 ? { driverOpts } : {}),
  }
}

/** What only a network with a subnet and names of its own has. @throws EngineError `invalid` */
export function checkEndpoint(network: string, { aliases, ipv4Address, ipv6Address }: EndpointSpec): void {
  if (network !== 'bridge' && network !== 'host' && network !== 'none') return
  if (aliases.length > 0)
    throw invalid('network-scoped alias is supported only for containers in user defined networks')
  if ((ipv4Address ?? ipv6Address) !== undefined)
    throw invalid('user specified IP address is supported on user defined networks only')
}

/** What contradicts a network namespace that is not the container's own. @throws EngineError `invalid` */
function checkMode(fields: Fields, mode: string): void {
  const host = objectField(fields, 'HostConfig')
  const shared = mode.startsWith('container:')
  if (!shared && mode !== 'host') return
  const has = (in_: Fields, ...names: readonly string[]): boolean =>
    names.some((name) => Object.keys(in_[name] ?? {}).length > 0 || in_[name] === true)
  const type = shared ? 'container type network' : 'host type networking'
  if (has(host, 'Links'))
    throw invalid(`conflicting options: ${type} can't be used with links. This would result in undefined behavior`)
  if (has(fields, 'MacAddress')) throw invalid('conflicting options: mac-address and the network mode')
  if (!shared) return
  if (has(fields, 'Hostname')) throw invalid('conflicting options: hostname and the network mode')
  if (has(host, 'Dns')) throw invalid('conflicting options: dns and the network mode')
  if (has(host, 'ExtraHosts')) throw invalid('conflicting options: custom host-to-IP mapping and the network mode')
  if (has(host, 'PortBindings', 'PublishAllPorts'))
    throw invalid('conflicting options: port publishing and the container type network mode')
  if (has(fields, 'ExposedPorts'))
    throw invalid('conflicting options: port exposing and the container type network mode')
}

/** The networks a create request asks for, the one of NetworkMode first. @throws EngineError `invalid` */
export function networksOf(body: unknown, mode: string): EndpointSpec[] {
  const fields = fieldsOf(body)
  checkMode(fields, mode)
  const configs = objectField(objectField(fields, 'NetworkingConfig'), 'EndpointsConfig')
  if (mode === 'none' || mode === 'host' || mode.startsWith('container:')) {
    checkEndpoint(mode, endpointOf(mode, objectField(configs, mode)))
    return []
  }
  const first = mode === 'default' ? 'bridge' : mode
  // clients of before 1.44 name it for the container, and links for the host
  const macAddress = textField(fields, 'MacAddress')
  const links = listField(objectField(fields, 'HostConfig'), 'Links').map(String)
  const specOf = (network: string): EndpointSpec => {
    const key = network === 'bridge' && !Object.hasOwn(configs, 'bridge') ? 'default' : network
    const spec = endpointOf(network, objectField(configs, key), network === first ? macAddress : '')
    const linked = network === first && network !== 'bridge' && links.length > 0 && spec.links === undefined
    return linked ? { ...spec, links } : spec
  }
  const others = Object.keys(configs).filter((name) => name !== first && name !== 'default')
  const specs = [first, ...others].map(specOf)
  for (const spec of specs) checkEndpoint(spec.network, spec)
  return specs
}

/** `8080`, or `8000-8010` for any free one of them. */
function hostPortOf(text: string): Pick<PortRequest, 'hostPort' | 'hostPortEnd'> {
  const [, from = '', to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text === '' ? '0' : text) ?? []
  const [first, last] = [Number(from), to === undefined ? undefined : Number(to)]
  if (from === '' || first > 65535 || (last !== undefined && (last > 65535 || last < first)))
    throw invalid(`invalid host port: "${text}"`)
  return { hostPort: first, ...(last === undefined || last === first ? {} : { hostPortEnd: last }) }
}

/** The ports to publish. @throws EngineError `invalid` */
export function portsOf(host: HostConfig, exposed: Readonly<Record<string, object>> = {}): PortRequest[] {
  const requests: PortRequest[] = []
  const add = (key: string, hostIp: string, hostPort: string): void => {
    const [, port = '', protocol = 'tcp'] = /^(\d+)(?:\/(tcp|udp|sctp))?$/.exec(key) ?? []
    if (protocol === 'sctp') throw new EngineError('unsupported', 'publishing SCTP ports is not supported')
    if (port === '' || Number(port) > 65535 || Number(port) < 1) throw invalid(`invalid port specification: "${key}"`)
    const wanted = hostPortOf(hostPort)
    requests.push({ protocol: protocol as 'tcp' | 'udp', containerPort: Number(port), hostIp, ...wanted })
  }
  for (const [key, bindings] of Object.entries(host.PortBindings))
    for (const { HostIp = '', HostPort = '' } of bindings?.length ? bindings : [{}]) add(key, HostIp, HostPort)
  if (host.PublishAllPorts === true)
    for (const key of Object.keys(exposed)) if (!Object.hasOwn(host.PortBindings, key)) add(key, '', '')
  return requests
}
