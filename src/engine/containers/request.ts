import { EngineError } from '../errors.js'
import type { Healthcheck, Image } from '../records.js'
import { cgroupVersion } from '../system/facts.js'
import { fieldsOf, flagField, listField, mapField, objectField, textField, type Fields } from '../system/fields.js'
import type { ContainerConfig, HostConfig, RestartPolicy } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

const strings = (fields: Fields, name: string): string[] => {
  const value = fields[name]
  if (typeof value === 'string') return [value]
  return listField(fields, name).map(String)
}

/** Entries of `over` win over those of `under` with the same variable; one without a value takes it away, see `setEnv`. */
export function mergeEnv(under: readonly string[], over: readonly string[]): string[] {
  const key = (entry: string): string => entry.split('=', 1)[0] ?? ''
  const taken = new Set(over.map(key))
  return [...under.filter((entry) => !taken.has(key(entry))), ...over]
}

/** What a process gets of a merged environment: what `-e NAME` has taken away is shown, and not set. */
export const setEnv = (entries: readonly string[]): string[] => entries.filter((entry) => entry.includes('='))

/** Merges the `Config` of a create request with that of its image, by Docker's rules. @throws EngineError `invalid` */
export function configOf(body: unknown, image: Image): ContainerConfig {
  const fields = fieldsOf(body)
  const from = image.config
  const entrypoint =
    fields.Entrypoint === undefined || fields.Entrypoint === null ? null : strings(fields, 'Entrypoint')
  const cmd = strings(fields, 'Cmd')
  // an entrypoint of one's own drops the image's command; [''] resets the entrypoint
  const ownEntrypoint = entrypoint !== null && entrypoint.length > 0
  const health = healthOf(fields.Healthcheck as Healthcheck | undefined, from.Healthcheck)
  const volumes = { ...from.Volumes, ...objectField(fields, 'Volumes') } as Record<string, object>
  const stopTimeout = fields.StopTimeout
  const config: ContainerConfig = {
    Hostname: textField(fields, 'Hostname'),
    Domainname: textField(fields, 'Domainname'),
    User: textField(fields, 'User') || (from.User ?? ''),
    AttachStdin: flagField(fields, 'AttachStdin'),
    AttachStdout: flagField(fields, 'AttachStdout'),
    AttachStderr: flagField(fields, 'AttachStderr'),
    ExposedPorts: { ...from.ExposedPorts, ...objectField(fields, 'ExposedPorts') } as Record<string, object>,
    Tty: flagField(fields, 'Tty'),
    OpenStdin: flagField(fields, 'OpenStdin'),
    StdinOnce: flagField(fields, 'StdinOnce'),
    Env: mergeEnv(from.Env ?? [], strings(fields, 'Env')),
    Cmd: cmd.length > 0 ? cmd : ownEntrypoint ? null : (from.Cmd ?? null),
    Image: textField(fields, 'Image'),
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: textField(fields, 'WorkingDir') || (from.WorkingDir ?? ''),
    Entrypoint: ownEntrypoint ? (entrypoint[0] === '' ? null : entrypoint) : (from.Entrypoint ?? null),
    Labels: { ...from.Labels, ...mapField(fields, 'Labels') },
    ...(health ? { Healthcheck: health } : {}),
    ...(typeof stopTimeout === 'number' ? { StopTimeout: stopTimeout } : {}),
  }
  const signal = textField(fields, 'StopSignal') || from.StopSignal
  if (signal) config.StopSignal = signal
  if (from.Shell) config.Shell = from.Shell
  if (config.WorkingDir !== '' && !config.WorkingDir.startsWith('/'))
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  if ((config.Entrypoint ?? []).length + (config.Cmd ?? []).length === 0) throw invalid('no command specified')
  return config
}

function healthOf(own: Healthcheck | undefined, image: Healthcheck | undefined): Healthcheck | undefined {
  if (!own) return image
  const set = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== 0 && value !== null))
  return { ...image, ...set }
}

const restartNames = ['', 'no', 'on-failure', 'always', 'unless-stopped'] as const

function restartOf(host: Fields): RestartPolicy {
  const policy = objectField(host, 'RestartPolicy')
  const name = restartNames.find((known) => known === textField(policy, 'Name'))
  if (name === undefined) throw invalid(`invalid restart policy '${textField(policy, 'Name')}'`)
  const count = Number(policy.MaximumRetryCount ?? 0)
  if (count < 0) throw invalid('maximum retry count cannot be negative')
  if (count !== 0 && name !== 'on-failure')
    throw invalid(`maximum retry count cannot be used with restart policy '${name}'`)
  if (flagField(host, 'AutoRemove') && name !== '' && name !== 'no')
    throw invalid("can't create 'AutoRemove' container with restart policy")
  return { Name: name === '' ? 'no' : name, MaximumRetryCount: count }
}

/**
 * The `HostConfig` of a create request with the defaults Docker fills in.
 * @param runtime the one when none is named
 * @throws EngineError `invalid`
 */
export function hostConfigOf(body: unknown, runtime: string): HostConfig {
  const fields = fieldsOf(body)
  const host = objectField(fields, 'HostConfig')
  const log = objectField(host, 'LogConfig')
  const memory = Number(host.Memory ?? 0)
  return {
    ...defaults,
    ...host,
    // clients send what stands for nothing: dockerd shows null. No limit at all is -1 here, 0 once it was updated to it.
    PidsLimit: (host.PidsLimit ?? 0) === 0 ? null : host.PidsLimit,
    MemorySwappiness: host.MemorySwappiness === -1 ? null : (host.MemorySwappiness ?? null),
    MemorySwap: Number(host.MemorySwap ?? 0) || memory * 2,
    Binds: host.Binds === undefined || host.Binds === null ? null : strings(host, 'Binds'),
    NetworkMode: textField(host, 'NetworkMode') || 'default',
    PortBindings: objectField(host, 'PortBindings') as HostConfig['PortBindings'],
    RestartPolicy: restartOf(host),
    AutoRemove: flagField(host, 'AutoRemove'),
    LogConfig: { Type: textField(log, 'Type') || 'json-file', Config: mapField(log, 'Config') },
    // docker-py's low-level client names it beside HostConfig, not in it
    Runtime: textField(host, 'Runtime') || textField(fields, 'Runtime') || runtime,
    CgroupnsMode: textField(host, 'CgroupnsMode') || (cgroupVersion() === '2' ? 'private' : 'host'),
    IpcMode: textField(host, 'IpcMode') || 'private',
    ShmSize: Number(host.ShmSize ?? 0) || 67108864,
  }
}

const defaults = {
  ContainerIDFile: '',
  VolumeDriver: '',
  VolumesFrom: null,
  CapAdd: null,
  CapDrop: null,
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  CpuPeriod: 0,
  CpuQuota: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: [],
  MemoryReservation: 0,
  MemorySwap: 0,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
} as const
