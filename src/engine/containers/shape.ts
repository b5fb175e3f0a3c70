import { checkShape, fieldsOfShape as of, mapOf, type StructShape } from '../system/shape.js'

const healthcheck: StructShape = {
  Test: 'a string or a list of strings',
  ...of('an integer', 'Interval Timeout StartPeriod StartInterval Retries'),
}

/** A mount of a container. */
const mount: StructShape = {
  ...of('a string', 'Type Source Target Consistency'),
  ReadOnly: 'a boolean',
  BindOptions: {
    Propagation: 'a string',
    ...of('a boolean', 'NonRecursive CreateMountpoint ReadOnlyNonRecursive ReadOnlyForceRecursive'),
  },
  VolumeOptions: {
    NoCopy: 'a boolean',
    Labels: 'a map of strings',
    Subpath: 'a string',
    DriverConfig: { Name: 'a string', Options: 'a map of strings' },
  },
  TmpfsOptions: { ...of('an integer', 'SizeBytes Mode'), Options: ['a list of strings'] },
}

const throttle = [{ Path: 'a string', Rate: 'an integer', Weight: 'an integer' }] as const

/** The `HostConfig` of a create request; an update's fields are some of it. */
export const hostConfigShape: StructShape = {
  ...of(
    'a string',
    `NetworkMode ContainerIDFile VolumeDriver CgroupnsMode IpcMode Cgroup PidMode UTSMode UsernsMode Runtime Isolation
    CgroupParent CpusetCpus CpusetMems`,
  ),
  ...of(
    'an integer',
    `Memory MemorySwap MemoryReservation MemorySwappiness KernelMemory NanoCpus CpuShares CpuPeriod CpuQuota
    CpuRealtimePeriod CpuRealtimeRuntime PidsLimit OomScoreAdj ShmSize BlkioWeight KernelMemoryTCP CpuCount CpuPercent
    IOMaximumIOps IOMaximumBandwidth`,
  ),
  ...of('a boolean', 'AutoRemove Privileged PublishAllPorts ReadonlyRootfs OomKillDisable Init'),
  ...of(
    'a list of strings',
    `Binds VolumesFrom CapAdd CapDrop Dns DnsOptions DnsSearch ExtraHosts GroupAdd Links SecurityOpt DeviceCgroupRules
    MaskedPaths ReadonlyPaths`,
  ),
  ...of('a map of strings', 'Tmpfs Sysctls StorageOpt Annotations'),
  PortBindings: mapOf([of('a string', 'HostIp HostPort')]),
  RestartPolicy: { Name: 'a string', MaximumRetryCount: 'an integer' },
  LogConfig: { Type: 'a string', Config: 'a map of strings' },
  Mounts: [mount],
  Ulimits: [{ Name: 'a string', Soft: 'an integer', Hard: 'an integer' }],
  Devices: [of('a string', 'PathOnHost PathInContainer CgroupPermissions')],
  DeviceRequests: [
    {
      Driver: 'a string',
      Count: 'an integer',
      DeviceIDs: 'a list of strings',
      Capabilities: ['a list of strings'],
      Options: 'a map of strings',
    },
  ],
  ConsoleSize: ['an integer'],
  BlkioWeightDevice: throttle,
  ...of(throttle, 'BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps'),
}

/** An endpoint of a network, as it is asked for. */
export const endpointShape: StructShape = {
  IPAMConfig: { ...of('a string', 'IPv4Address IPv6Address'), LinkLocalIPs: 'a list of strings' },
  ...of('a list of strings', 'Links Aliases DNSNames'),
  ...of('a string', 'MacAddress NetworkID EndpointID Gateway IPAddress IPv6Gateway GlobalIPv6Address'),
  ...of('an integer', 'IPPrefixLen GlobalIPv6PrefixLen'),
  DriverOpts: 'a map of strings',
}

/** The `Config` of a container or an image. */
export const configShape: StructShape = {
  ...of('a string', 'Image Hostname Domainname User WorkingDir StopSignal MacAddress'),
  ...of('a boolean', 'AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce NetworkDisabled ArgsEscaped'),
  ...of('a string or a list of strings', 'Cmd Entrypoint Shell'),
  Env: 'a list of strings',
  Labels: 'a map of strings',
  ...of('an object', 'ExposedPorts Volumes'),
  StopTimeout: 'an integer',
  Healthcheck: healthcheck,
  OnBuild: 'a list of strings',
}

/** A create request. */
export const createShape: StructShape = {
  ...configShape,
  Runtime: 'a string',
  HostConfig: hostConfigShape,
  NetworkingConfig: { EndpointsConfig: mapOf(endpointShape) },
}

/** Checks the types of a create request. @throws EngineError `invalid` naming the first field that is wrong */
export const checkCreateRequest = (body: unknown): void => checkShape(body, createShape)

/** Checks the types of an update request, whose fields are a HostConfig's. @throws EngineError `invalid` */
export const checkUpdateRequest = (body: unknown): void => checkShape(body, hostConfigShape)
