import type { Endpoint, EndpointSpec, PortRequest } from '../records.js'
import { maskedPaths, readonlyPaths } from '../runtime/spec.js'
import type { ContainerCatalog } from './catalog.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'
import { shownLinks } from './links.js'
import { namesOf } from './member.js'
import type { HostConfig } from './record.js'
import { argsOf } from './sandbox.js'

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`

/** A duration in words, as Docker's `ps` says it. */
function roughly(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds < 60) return plural(seconds, 'second')
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return plural(minutes, 'minute')
  const hours = Math.round(minutes / 60)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return plural(hours, 'hour')
  const days = Math.floor(hours / 24)
  if (days < 14) return plural(days, 'day')
  if (days < 60) return plural(Math.floor(days / 7), 'week')
  if (days < 730) return plural(Math.floor(days / 30), 'month')
  return plural(Math.floor(days / 365), 'year')
}

/** `Up 3 minutes (healthy)` */
function statusText({ record: { state }, health }: Container): string {
  const since = (time: string): string => roughly(Date.now() - Date.parse(time))
  const healthText = health ? ` (${health.status === 'starting' ? 'health: starting' : health.status})` : ''
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}${healthText}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'created':
      return 'Created'
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
  }
}

/** The addresses that were asked for, as opposed to those it has. */
function ipamConfig({ ipv4Address, ipv6Address, linkLocalIps }: Partial<EndpointSpec>): object | null {
  const asked = Object.entries({ IPv4Address: ipv4Address, IPv6Address: ipv6Address, LinkLocalIPs: linkLocalIps })
  const given = asked.filter(([, value]) => value !== undefined)
  return given.length > 0 ? Object.fromEntries(given) : null
}

const endpointSettings = (
  endpoint: Endpoint,
  asked: Partial<EndpointSpec> = {},
  names: readonly string[] = [],
): object => ({
  IPAMConfig: ipamConfig(asked),
  Links: endpoint.links ?? null,
  Aliases: endpoint.aliases.length > 0 ? endpoint.aliases : null,
  MacAddress: endpoint.macAddress || (asked.macAddress ?? ''),
  DriverOpts: asked.driverOpts ?? null,
  NetworkID: endpoint.networkId,
  EndpointID: endpoint.endpointId,
  Gateway: endpoint.gateway,
  IPAddress: endpoint.ipAddress,
  IPPrefixLen: endpoint.prefixLength,
  IPv6Gateway: endpoint.ipv6Gateway ?? '',
  GlobalIPv6Address: endpoint.ipv6Address ?? '',
  GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength ?? 0,
  DNSNames: endpoint.networkName === 'bridge' ? null : [...new Set([...names, ...endpoint.aliases])],
})

const absent: Endpoint = {
  networkId: '',
  networkName: '',
  endpointId: '',
  aliases: [],
  ipAddress: '',
  prefixLength: 0,
  gateway: '',
  macAddress: '',
}

function networks({ record }: Container): Record<string, object> {
  const names = namesOf(record)
  const plumbed = record.endpoints.map((endpoint) => {
    const own = ({ network }: EndpointSpec) => network === endpoint.networkName || network === endpoint.networkId
    return [endpoint.networkName, endpointSettings(endpoint, record.networks.find(own), names)] as const
  })
  const { NetworkMode } = record.hostConfig
  if (record.networks.length === 0 && ['host', 'none'].includes(NetworkMode))
    return { [NetworkMode]: endpointSettings(absent) }
  const asked = record.networks.map((spec) => {
    const { network, aliases, links = [] } = spec
    const settings = endpointSettings({ ...absent, networkName: network, aliases }, spec, names)
    return [network, { ...settings, Links: links.length > 0 ? links : null }] as const
  })
  return Object.fromEntries(plumbed.length > 0 ? plumbed : asked)
}

const portKey = ({ containerPort, protocol }: PortRequest): string => `${containerPort}/${protocol}`

function portMap({ record }: Container): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {}
  for (const key of Object.keys(record.config.ExposedPorts ?? {})) map[key] = null
  for (const port of record.ports) {
    const bindings = (map[portKey(port)] ??= [])
    bindings.push({ HostIp: port.hostIp, HostPort: String(port.hostPort) })
  }
  return map
}

/** The mounts as Docker shows them: `--tmpfs` is shown in the HostConfig alone, an anonymous volume has no mode. */
const mountPoints = ({ record }: Container): object[] =>
  record.mounts
    .filter(({ hidden }) => hidden !== true)
    .map(({ type, name, source, target, mode, writable, propagation, anonymous }) => ({
      Type: type,
      ...(name === '' ? {} : { Name: name }),
      Source: source,
      Destination: target,
      ...(type === 'volume' ? { Driver: 'local' } : {}),
      Mode: anonymous ? '' : mode,
      RW: writable,
      Propagation: type === 'bind' ? propagation : '',
    }))

/** A port of a running container; one that is exposed and not published has no address and 0 for a public port. */
interface ListedPort {
  readonly ip: string
  readonly privatePort: number
  readonly publicPort: number
  readonly type: string
}

/** The ports of a running container, published and exposed. */
export function portList(container: Container): readonly ListedPort[] {
  const { ports, config } = container.record
  const published = new Set(ports.map(portKey))
  const exposed = Object.keys(config.ExposedPorts ?? {}).filter((key) => container.up && !published.has(key))
  return [
    ...ports.map(({ containerPort, hostPort, hostIp, protocol }) => ({
      ip: hostIp,
      privatePort: containerPort,
      publicPort: hostPort,
      type: protocol,
    })),
    ...exposed.map((key) => {
      const [port, type = 'tcp'] = key.split('/')
      return { ip: '', privatePort: Number(port), publicPort: 0, type }
    }),
  ]
}

/** A row of `GET /containers/json`. */
export function summary(catalog: ContainerCatalog, container: Container, size?: { rw: number; root: number }): object {
  const { record } = container
  const ports = portList(container).map(({ ip, privatePort, publicPort, type }) => ({
    ...(publicPort === 0 ? {} : { IP: ip }),
    PrivatePort: privatePort,
    ...(publicPort === 0 ? {} : { PublicPort: publicPort }),
    Type: type,
  }))
  return {
    Id: record.id,
    Names: catalog.namesOf(container),
    Image: record.config.Image,
    ImageID: record.image,
    Command: argsOf(record.config)
      .map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg))
      .join(' '),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: ports,
    ...(size ? { SizeRw: size.rw, SizeRootFs: size.root } : {}),
    Labels: record.config.Labels,
    State: record.state.status,
    Status: statusText(container),
    HostConfig: { NetworkMode: record.hostConfig.NetworkMode },
    NetworkSettings: { Networks: networks(container) },
    Mounts: mountPoints(container),
  }
}

/** What dockerd shows of settings that nobody made. */
const unset = {
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  ConsoleSize: [0, 0],
  CpuCount: 0,
  CpuPercent: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
}

/** As it is acted on: dockerd, too, shows the defaults that it fills in. */
const shownHostConfig = (host: HostConfig): object => ({
  ...unset,
  ...host,
  PidsLimit: Number(host.PidsLimit ?? 0) < 0 ? null : host.PidsLimit,
  MaskedPaths: host.MaskedPaths ?? (host.Privileged === true ? null : maskedPaths),
  ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged === true ? null : readonlyPaths),
})

function shownState({ record: { state }, up, health }: Container): object {
  return {
    Status: state.status,
    Running: up || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health ? { Health: { Status: health.status, FailingStreak: health.failingStreak, Log: health.log } } : {}),
  }
}

/** All networks, and above them the default one, which is all that the first versions of the API told. */
function networkSettings(container: Container): object {
  const { up, record } = container
  const [first = absent] = record.endpoints
  const onBridge = first.networkName === 'bridge' ? first : absent
  return {
    Bridge: '',
    SandboxID: up ? record.id : '',
    SandboxKey: up ? `/proc/${record.state.pid}/ns/net` : '',
    Ports: up ? portMap(container) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: onBridge.endpointId,
    Gateway: onBridge.gateway,
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: onBridge.ipAddress,
    IPPrefixLen: onBridge.prefixLength,
    IPv6Gateway: '',
    MacAddress: onBridge.macAddress,
    Networks: networks(container),
  }
}

/** `GET /containers/{id}/json`. */
export function inspection(
  deps: ContainerDeps,
  container: Container,
  execs: readonly string[],
  /** Directories of its image's layers, bottom first. */
  lowerDirs: readonly string[],
  size?: { rw: number; root: number },
): object {
  const { record } = container
  const { state, config, hostConfig } = record
  const places = deps.store.places(record.id)
  const [path = '', ...args] = argsOf(config)
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: shownState(container),
    Image: record.image,
    ResolvConfPath: places.resolvConf,
    HostnamePath: places.hostname,
    HostsPath: places.hosts,
    LogPath: hostConfig.LogConfig.Type === 'none' ? '' : places.log,
    Name: `/${record.name}`,
    RestartCount: state.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: { ...shownHostConfig(hostConfig), Links: shownLinks(container) },
    GraphDriver: {
      Name: 'overlay2',
      Data: {
        LowerDir: [...lowerDirs].reverse().join(':'),
        MergedDir: `${bundleOf(deps.config, record.id)}/rootfs`,
        UpperDir: places.upperDir,
        WorkDir: places.workDir,
      },
    },
    ...(size ? { SizeRw: size.rw, SizeRootFs: size.root } : {}),
    Mounts: mountPoints(container),
    Config: { ...config, Hostname: config.Hostname || record.id.slice(0, 12), OnBuild: null },
    NetworkSettings: networkSettings(container),
  }
}
