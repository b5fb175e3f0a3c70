import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { EngineError } from '../errors.js'
import type { Limits, Rlimit } from '../records.js'
import { rateNames, throttlesOf } from './devices.js'
import type { HostConfig } from './record.js'

/** Processes a container may have when nothing is said: a fork bomb is a nuisance, not an outage. */
const defaultPids = 4096
const cpuPeriod = 100_000
/** The kernel does not run a process in less. */
const leastMemory = 6 * 1024 * 1024

const invalid = (message: string): EngineError => new EngineError('invalid', message)
const number = (host: HostConfig, name: string): number => Number(host[name] ?? 0)
const text = (host: HostConfig, name: string): string => (typeof host[name] === 'string' ? host[name] : '')

/** Refuses limits that cannot be, in dockerd's words. @throws EngineError `invalid` */
export function checkLimits(host: HostConfig): void {
  checkMemory(host)
  checkCpu(host)
  checkBlkio(host)
  checkSet(text(host, 'CpusetCpus'), 'cpuset cpus', 'CPUs', '/sys/devices/system/cpu/online')
  checkSet(text(host, 'CpusetMems'), 'cpuset mems', 'memory nodes', '/sys/devices/system/node/online')
  const adjustment = number(host, 'OomScoreAdj')
  if (adjustment < -1000 || adjustment > 1000)
    throw invalid(`Invalid value ${adjustment}, range for oom score adj is [-1000, 1000]`)
  if (number(host, 'ShmSize') < 0) throw invalid('SHM size can not be less than 0')
}

function checkMemory(host: HostConfig): void {
  const memory = number(host, 'Memory')
  const swap = number(host, 'MemorySwap')
  const reservation = number(host, 'MemoryReservation')
  const swappiness = Number(host.MemorySwappiness ?? -1)
  if (memory !== 0 && memory < leastMemory) throw invalid('Minimum memory limit allowed is 6MB')
  if (memory > 0 && swap > 0 && swap < memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage')
  if (memory === 0 && swap > 0)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage')
  if (swappiness < -1 || swappiness > 100)
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  if (reservation !== 0 && reservation < leastMemory) throw invalid('Minimum memory reservation allowed is 6MB')
  if (memory > 0 && reservation > memory)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage')
  const kernel = number(host, 'KernelMemory')
  if (kernel !== 0 && kernel < leastMemory) throw invalid('Minimum kernel memory limit allowed is 6MB')
}

/** Weights and rates of block devices; whether the devices are there is seen at the start, as with dockerd. */
function checkBlkio(host: HostConfig): void {
  const weight = number(host, 'BlkioWeight')
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalid('Range of blkio weight is from 10 to 1000')
  for (const name of rateNames)
    for (const { Rate = 0 } of (host[name] ?? []) as readonly { Rate?: number }[])
      if (Rate < 0) throw invalid(`invalid rate in ${name}: ${Rate} is below 0`)
  if (number(host, 'IOMaximumIOps') !== 0)
    throw invalid('Invalid QoS settings: linux does not support configuration of maximum IOPs')
  if (number(host, 'IOMaximumBandwidth') !== 0)
    throw invalid('Invalid QoS settings: linux does not support configuration of maximum bandwidth')
}

function checkCpu(host: HostConfig): void {
  const nano = number(host, 'NanoCpus')
  const quota = number(host, 'CpuQuota')
  const period = number(host, 'CpuPeriod')
  if (nano > 0 && period > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  if (nano > 0 && quota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  const count = cpus().length
  if (nano < 0 || nano > count * 1e9)
    throw invalid(`Range of CPUs is from 0.01 to ${count.toFixed(2)}, as there are only ${count} CPUs available`)
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  if (quota > 0 && quota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  const [rtPeriod, rtRuntime] = [number(host, 'CpuRealtimePeriod'), number(host, 'CpuRealtimeRuntime')]
  if (rtPeriod < 0) throw invalid(`invalid cpu real-time period: ${rtPeriod} is below 0`)
  if (rtPeriod !== 0 && rtRuntime > rtPeriod)
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period')
}

/** `0-2,4`, as cpuset(7) "List format" has it. */
function numbersOf(list: string): number[] | undefined {
  const numbers: number[] = []
  for (const part of list.split(',')) {
    const [, from, to = from] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim()) ?? []
    if (from === undefined || Number(to) < Number(from)) return undefined
    for (let n = Number(from); n <= Number(to); n++) numbers.push(n)
  }
  return numbers
}

function checkSet(wanted: string, name: string, things: string, online: string): void {
  if (wanted === '') return
  const numbers = numbersOf(wanted)
  if (!numbers) throw invalid(`Invalid value ${wanted} for ${name}: invalid format: ${wanted}`)
  const available = readFileSync(online, 'utf8').trim()
  const there = numbersOf(available) ?? []
  if (!numbers.every((n) => there.includes(n)))
    throw invalid(`Requested ${things} are not available - requested ${wanted}, available: ${available}`)
}

/**
 * The limits of a `HostConfig` that has passed `checkLimits` and `discarded`.
 * @throws EngineError `invalid` for a device to throttle that is not there
 */
export function limitsOf(host: HostConfig): Limits {
  const memory = number(host, 'Memory')
  const swap = number(host, 'MemorySwap')
  const nano = number(host, 'NanoCpus')
  const quota = nano > 0 ? Math.round((nano / 1e9) * cpuPeriod) : number(host, 'CpuQuota')
  const period = nano > 0 ? cpuPeriod : number(host, 'CpuPeriod') || (quota > 0 ? cpuPeriod : 0)
  const pids = host.PidsLimit as number | null | undefined
  const swappiness = host.MemorySwappiness
  const some = <K extends string>(key: K, value: number): Partial<Record<K, number>> =>
    value > 0 ? ({ [key]: value } as Record<K, number>) : {}
  return {
    ...some('memory', memory),
    ...(memory > 0 ? { memorySwap: swap === 0 ? memory * 2 : swap } : swap < 0 ? { memorySwap: -1 } : {}),
    ...some('memoryReservation', number(host, 'MemoryReservation')),
    ...(typeof swappiness === 'number' && swappiness >= 0 ? { memorySwappiness: swappiness } : {}),
    ...(host.OomKillDisable === true ? { oomKillDisable: true } : {}),
    ...some('cpuQuota', quota),
    ...some('cpuPeriod', period),
    ...some('cpuShares', number(host, 'CpuShares')),
    ...some('cpuRealtimePeriod', number(host, 'CpuRealtimePeriod')),
    ...some('cpuRealtimeRuntime', number(host, 'CpuRealtimeRuntime')),
    ...some('kernelMemoryTcp', number(host, 'KernelMemoryTCP')),
    ...some('blkioWeight', number(host, 'BlkioWeight')),
    ...throttlesOf(host),
    ...(text(host, 'CpusetCpus') === '' ? {} : { cpusetCpus: text(host, 'CpusetCpus') }),
    ...(text(host, 'CpusetMems') === '' ? {} : { cpusetMems: text(host, 'CpusetMems') }),
    ...(pids === null || pids === undefined ? { pids: defaultPids } : pids > 0 ? { pids } : {}),
  }
}

const rlimits = 'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
  ' ',
)

/**
 * `--ulimit`s of a `HostConfig`, and no core dumps unless asked for: where the host's core_pattern(5) is a pipe, its
 * program would read what a container made, as the host's root. @throws EngineError `invalid`
 */
export function rlimitsOf(host: HostConfig): Rlimit[] {
  const wanted = (host.Ulimits ?? []) as readonly { Name?: string; Soft?: number; Hard?: number }[]
  const limits = wanted.map(({ Name: name = '', Soft: soft = 0, Hard: hard = 0 }) => {
    if (!rlimits.includes(name)) throw invalid(`invalid ulimit type: ${name}`)
    if (hard !== -1 && (soft > hard || soft === -1))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
    return { name, soft, hard }
  })
  return limits.some(({ name }) => name === 'core') ? limits : [...limits, { name: 'core', soft: 0, hard: 0 }]
}
