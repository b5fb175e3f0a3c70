import { fieldsOf, flagField, listField, mapField, objectField, textField, type Fields } from '../system/fields.js'
import type { HostConfig } from './record.js'

/** A device of the host that a container is to have. */
export interface DeviceRequest {
  readonly hostPath: string
  /** '' is the same. */
  readonly path: string
  /** Any of `rwm`; '' is all. */
  readonly access: string
}

/** A block device of the host and its weight or rate. */
export interface ThrottleRequest {
  readonly path: string
  readonly value: number
}

/** Fields of a `HostConfig` that hold the most a second from or to a device: bytes (`Bps`) or operations (`IOps`). */
export const rateNames = [
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
] as const

/** What a container may use, as asked for; 0 and '' are nothing said. */
export interface Resources {
  readonly memory: number
  /** With memory; -1 is no limit. */
  readonly memorySwap: number
  readonly memoryReservation: number
  /** -1: nothing said. */
  readonly memorySwappiness: number
  readonly kernelMemory: number
  readonly kernelMemoryTcp: number
  readonly oomKillDisable: boolean
  readonly nanoCpus: number
  readonly cpuQuota: number
  readonly cpuPeriod: number
  readonly cpuShares: number
  readonly cpuRealtimePeriod: number
  readonly cpuRealtimeRuntime: number
  readonly cpusetCpus: string
  readonly cpusetMems: string
  /** 0 and less are no limit; undefined: nothing said. */
  readonly pids: number | undefined
  readonly blkioWeight: number
  readonly blkioWeights: readonly ThrottleRequest[]
  readonly blkioRates: Readonly<Record<(typeof rateNames)[number], readonly ThrottleRequest[]>>
  readonly mostIops: number
  readonly mostBandwidth: number
}

/** A `HostConfig` as the engine reads it to run a container: every field there and of its type. */
export interface RunSpec {
  readonly privileged: boolean
  readonly readonlyRootfs: boolean
  readonly init: boolean
  /** '' where nothing is said, as of the other modes. */
  readonly networkMode: string
  readonly pidMode: string
  readonly ipcMode: string
  readonly utsMode: string
  readonly usernsMode: string
  readonly cgroupnsMode: string
  readonly isolation: string
  readonly volumeDriver: string
  readonly volumesFrom: readonly string[]
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly groupAdd: readonly string[]
  readonly securityOptions: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** `name:address` */
  readonly extraHosts: readonly string[]
  /** `container[:alias]` */
  readonly links: readonly string[]
  readonly sysctls: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly storageOptions: Readonly<Record<string, unknown>>
  /** undefined: the usual ones. */
  readonly maskedPaths: readonly string[] | undefined
  readonly readonlyPaths: readonly string[] | undefined
  /** Bytes. */
  readonly shmSize: number
  /** Height and width of its terminal, in characters. */
  readonly consoleSize: readonly number[]
  readonly oomScoreAdj: number
  readonly devices: readonly DeviceRequest[]
  readonly deviceRules: readonly string[]
  /** Of devices by driver: `--gpus`. */
  readonly deviceDrivers: readonly { readonly driver: string; readonly capabilities: readonly (readonly string[])[] }[]
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[]
  readonly resources: Resources
}

const defaultShmSize = 64 * 1024 * 1024

const number = (fields: Fields, name: string): number => Number(fields[name] ?? 0)
const texts = (fields: Fields, name: string): readonly string[] => listField(fields, name).map(String)
const objects = (fields: Fields, name: string): readonly Fields[] => listField(fields, name).map(fieldsOf)

/** Reads a `HostConfig`. @throws EngineError `invalid` naming a field that is of another type */
export function runSpecOf(host: HostConfig): RunSpec {
  return {
    privileged: flagField(host, 'Privileged'),
    readonlyRootfs: flagField(host, 'ReadonlyRootfs'),
    init: flagField(host, 'Init'),
    networkMode: host.NetworkMode,
    pidMode: textField(host, 'PidMode'),
    ipcMode: textField(host, 'IpcMode'),
    utsMode: textField(host, 'UTSMode'),
    usernsMode: textField(host, 'UsernsMode'),
    cgroupnsMode: textField(host, 'CgroupnsMode'),
    isolation: textField(host, 'Isolation'),
    volumeDriver: textField(host, 'VolumeDriver'),
    volumesFrom: texts(host, 'VolumesFrom'),
    capAdd: texts(host, 'CapAdd'),
    capDrop: texts(host, 'CapDrop'),
    groupAdd: texts(host, 'GroupAdd'),
    securityOptions: texts(host, 'SecurityOpt'),
    dns: texts(host, 'Dns'),
    dnsSearch: texts(host, 'DnsSearch'),
    dnsOptions: texts(host, 'DnsOptions'),
    extraHosts: texts(host, 'ExtraHosts'),
    links: texts(host, 'Links'),
    sysctls: mapField(host, 'Sysctls'),
    annotations: mapField(host, 'Annotations'),
    storageOptions: objectField(host, 'StorageOpt'),
    // `--security-opt systempaths=unconfined` sends empty lists; null is the usual ones
    maskedPaths: (host.MaskedPaths ?? null) === null ? undefined : texts(host, 'MaskedPaths'),
    readonlyPaths: (host.ReadonlyPaths ?? null) === null ? undefined : texts(host, 'ReadonlyPaths'),
    shmSize: Number(host.ShmSize ?? defaultShmSize),
    consoleSize: listField(host, 'ConsoleSize').map(Number),
    oomScoreAdj: number(host, 'OomScoreAdj'),
    devices: objects(host, 'Devices').map((device) => ({
      hostPath: textField(device, 'PathOnHost'),
      path: textField(device, 'PathInContainer'),
      access: textField(device, 'CgroupPermissions'),
    })),
    deviceRules: texts(host, 'DeviceCgroupRules'),
    deviceDrivers: objects(host, 'DeviceRequests').map((request) => ({
      driver: textField(request, 'Driver'),
      capabilities: listField(request, 'Capabilities').map((all) => (Array.isArray(all) ? all.map(String) : [])),
    })),
    ulimits: objects(host, 'Ulimits').map((limit) => ({
      name: textField(limit, 'Name'),
      soft: number(limit, 'Soft'),
      hard: number(limit, 'Hard'),
    })),
    resources: resourcesOf(host),
  }
}

/** The limits among its fields. @throws EngineError `invalid` as `runSpecOf` */
export function resourcesOf(host: Fields): Resources {
  const throttles = (name: string, value: 'Rate' | 'Weight'): readonly ThrottleRequest[] =>
    objects(host, name).map((one) => ({ path: textField(one, 'Path'), value: number(one, value) }))
  return {
    memory: number(host, 'Memory'),
    memorySwap: number(host, 'MemorySwap'),
    memoryReservation: number(host, 'MemoryReservation'),
    memorySwappiness: Number(host.MemorySwappiness ?? -1),
    kernelMemory: number(host, 'KernelMemory'),
    kernelMemoryTcp: number(host, 'KernelMemoryTCP'),
    oomKillDisable: flagField(host, 'OomKillDisable'),
    nanoCpus: number(host, 'NanoCpus'),
    cpuQuota: number(host, 'CpuQuota'),
    cpuPeriod: number(host, 'CpuPeriod'),
    cpuShares: number(host, 'CpuShares'),
    cpuRealtimePeriod: number(host, 'CpuRealtimePeriod'),
    cpuRealtimeRuntime: number(host, 'CpuRealtimeRuntime'),
    cpusetCpus: textField(host, 'CpusetCpus'),
    cpusetMems: textField(host, 'CpusetMems'),
    pids: (host.PidsLimit ?? null) === null ? undefined : Number(host.PidsLimit),
    blkioWeight: number(host, 'BlkioWeight'),
    blkioWeights: throttles('BlkioWeightDevice', 'Weight'),
    blkioRates: {
      BlkioDeviceReadBps: throttles('BlkioDeviceReadBps', 'Rate'),
      BlkioDeviceWriteBps: throttles('BlkioDeviceWriteBps', 'Rate'),
      BlkioDeviceReadIOps: throttles('BlkioDeviceReadIOps', 'Rate'),
      BlkioDeviceWriteIOps: throttles('BlkioDeviceWriteIOps', 'Rate'),
    },
    mostIops: number(host, 'IOMaximumIOps'),
    mostBandwidth: number(host, 'IOMaximumBandwidth'),
  }
}
