import { statSync } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Device, Limits, Rlimit } from '../runtime/sandbox.js'
import type { HostConfig } from './record.js'

/** Processes a container may have when nothing is said: a fork bomb is a nuisance, not an outage. */
const defaultPids = 4096
const cpuPeriod = 100_000
/** The kernel does not run a process in less. */
const leastMemory = 6 * 1024 * 1024

const number = (host: HostConfig, name: string): number => {
  const value = host[name] ?? 0
  if (typeof value !== 'number') throw new EngineError('invalid', `invalid HostConfig: ${name} is not a number`)
  return value
}

/** The limits of a `HostConfig`. @throws EngineError `invalid` */
export function limitsOf(host: HostConfig): Limits {
  const memory = number(host, 'Memory')
  const swap = number(host, 'MemorySwap')
  const nano = number(host, 'NanoCpus')
  const quota = nano > 0 ? Math.round((nano / 1e9) * cpuPeriod) : number(host, 'CpuQuota')
  const pids = number(host, 'PidsLimit')
  if (memory > 0 && memory < leastMemory) throw new EngineError('invalid', 'Minimum memory limit allowed is 6MB')
  if (memory > 0 && swap > 0 && swap < memory)
    throw new EngineError('invalid', 'Minimum memoryswap limit should be larger than memory limit, see usage')
  const text = (name: string): string => (typeof host[name] === 'string' ? host[name] : '')
  const some = <K extends string>(key: K, value: number): Partial<Record<K, number>> =>
    value > 0 ? ({ [key]: value } as Record<K, number>) : {}
  return {
    ...some('memory', memory),
    ...(memory > 0 ? { memorySwap: swap === 0 ? memory * 2 : swap } : {}),
    ...some('memoryReservation', number(host, 'MemoryReservation')),
    ...some('cpuQuota', quota),
    ...(quota > 0 ? { cpuPeriod: nano > 0 ? cpuPeriod : number(host, 'CpuPeriod') || cpuPeriod } : {}),
    ...some('cpuShares', number(host, 'CpuShares')),
    ...(text('CpusetCpus') === '' ? {} : { cpusetCpus: text('CpusetCpus') }),
    ...(text('CpusetMems') === '' ? {} : { cpusetMems: text('CpusetMems') }),
    ...(pids < 0 ? {} : { pids: pids === 0 ? defaultPids : pids }),
  }
}

/** `--ulimit`s of a `HostConfig`. */
export function rlimitsOf(host: HostConfig): Rlimit[] {
  const wanted = (host.Ulimits ?? []) as readonly { Name: string; Soft: number; Hard: number }[]
  return wanted.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }))
}

/** `--device`s of a `HostConfig`. @throws EngineError `invalid` */
export function devicesOf(host: HostConfig): Device[] {
  const wanted = (host.Devices ?? []) as readonly Readonly<Record<string, string>>[]
  return wanted.map(({ PathOnHost = '', PathInContainer = '', CgroupPermissions = 'rwm' }) => {
    const node = statSync(PathOnHost, { throwIfNoEntry: false })
    if (!node || !(node.isCharacterDevice() || node.isBlockDevice()))
      throw new EngineError('invalid', `error gathering device information while adding custom device "${PathOnHost}"`)
    return {
      path: PathInContainer || PathOnHost,
      type: node.isBlockDevice() ? 'b' : 'c',
      // makedev(3)
      major: ((node.rdev >> 8) & 0xfff) | Number((BigInt(node.rdev) >> 32n) & ~0xfffn),
      minor: (node.rdev & 0xff) | ((node.rdev >> 12) & ~0xff),
      mode: node.mode & 0o777,
      access: CgroupPermissions,
    }
  })
}
