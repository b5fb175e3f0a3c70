import { EngineError } from '../errors.js'

/** What a field of a request may hold; all may be null or absent, as Go's clients leave out what is empty. */
type Shape =
  | 'a string'
  | 'a boolean'
  | 'an integer'
  | 'a list of strings'
  | 'a string or a list of strings'
  | 'a map of strings'
  | 'an object'
  | readonly [Shape]
  | { readonly [field: string]: Shape }

const isText = (value: unknown): boolean => typeof value === 'string'
const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const tests: Readonly<Record<Shape & string, (value: unknown) => boolean>> = {
  'a string': isText,
  'a boolean': (value) => typeof value === 'boolean',
  'an integer': Number.isSafeInteger,
  'a list of strings': isTexts,
  'a string or a list of strings': (value) => isText(value) || isTexts(value),
  'a map of strings': (value) => isMap(value) && Object.values(value).every(isText),
  'an object': isMap,
}

/** @throws EngineError `invalid` naming the field */
function check(value: unknown, shape: Shape, path: string): void {
  if (value === undefined || value === null) return
  const wrong = (wanted: string): EngineError =>
    new EngineError('invalid', `invalid request body: ${path} is not ${wanted}`)
  if (typeof shape === 'string') {
    if (!tests[shape](value)) throw wrong(shape)
  } else if (isList(shape)) {
    if (!Array.isArray(value)) throw wrong('a list')
    for (const [index, item] of value.entries()) check(item, shape[0], `${path}[${index}]`)
  } else {
    if (!isMap(value)) throw wrong('an object')
    for (const [field, inner] of Object.entries(shape))
      check(value[field], inner, path === '' ? field : `${path}.${field}`)
  }
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape)

const of = (shape: Shape, names: string): Record<string, Shape> =>
  Object.fromEntries(names.trim().split(/\s+/).map((name) => [name, shape])) // prettier-ignore

const healthcheck: Shape = {
  Test: 'a string or a list of strings',
  ...of('an integer', 'Interval Timeout StartPeriod StartInterval Retries'),
}

const mount: Shape = {
  ...of('a string', 'Type Source Target Consistency'),
  ReadOnly: 'a boolean',
  BindOptions: { Propagation: 'a string', ...of('a boolean', 'NonRecursive CreateMountpoint') },
  VolumeOptions: { NoCopy: 'a boolean', Labels: 'a map of strings', Subpath: 'a string', DriverConfig: 'an object' },
  TmpfsOptions: of('an integer', 'SizeBytes Mode'),
}

const throttle: Shape = [{ Path: 'a string', Rate: 'an integer', Weight: 'an integer' }]

const hostConfig: Shape = {
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
  PortBindings: 'an object',
  RestartPolicy: { Name: 'a string', MaximumRetryCount: 'an integer' },
  LogConfig: { Type: 'a string', Config: 'a map of strings' },
  Mounts: [mount],
  Ulimits: [{ Name: 'a string', Soft: 'an integer', Hard: 'an integer' }],
  Devices: [of('a string', 'PathOnHost PathInContainer CgroupPermissions')],
  DeviceRequests: [{ Driver: 'a string', Count: 'an integer', DeviceIDs: 'a list of strings' }],
  ConsoleSize: ['an integer'],
  BlkioWeightDevice: throttle,
  ...of(throttle, 'BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps'),
}

const createRequest: Shape = {
  ...of('a string', 'Image Hostname Domainname User WorkingDir StopSignal MacAddress'),
  ...of('a boolean', 'AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce'),
  ...of('a string or a list of strings', 'Cmd Entrypoint Shell'),
  Env: 'a list of strings',
  Labels: 'a map of strings',
  ...of('an object', 'ExposedPorts Volumes NetworkingConfig'),
  StopTimeout: 'an integer',
  Healthcheck: healthcheck,
  HostConfig: hostConfig,
}

/** Checks the types of a create request. @throws EngineError `invalid` naming the first field that is wrong */
export const checkCreateRequest = (body: unknown): void => check(body, createRequest, '')

/** Checks the types of an update request, whose fields are a HostConfig's. @throws EngineError `invalid` */
export const checkUpdateRequest = (body: unknown): void => check(body, hostConfig, '')
