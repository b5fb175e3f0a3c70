import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { EngineError } from '../errors.js'
import type { ResourceLimits, Rlimit } from '../records.js'
import { throttlesOf } from './devices.js'
import { rateNames, type Resources, type RunSpec } from './run-spec.js'

/** Processes a container may have when nothing is said: a fork bomb is a nuisance, not an outage. */
const defaultPids = 4096
const cpuPeriod = 100_000
/** The kernel does not run a process in less. */
const leastMemory = 6 * 1024 * 1024

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** Refuses limits that cannot be, in dockerd's words. @throws EngineError `invalid` */
export function checkLimits({ resources, oomScoreAdj, shmSize }: RunSpec): void {
  checkMemory(resources)
  checkCpu(resources)
  checkBlkio(resources)
  checkSet(resources.cpusetCpus, 'cpuset cpus', 'CPUs', '/sys/devices/system/cpu/online')
  checkSet(resources.cpusetMems, 'cpuset mems', 'memory nodes', '/sys/devices/system/node/online')
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000)
    throw invalid(`Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  if (shmSize < 0) throw invalid('SHM size can not be less than 0')
}

function checkMemory(resources: Resources): void {
  const { memory, memorySwap: swap, memoryReservation: reservation, memorySwappiness: swappiness } = resources
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
  if (resources.kernelMemory !== 0 && resources.kernelMemory < leastMemory)
    throw invalid('Minimum kernel memory limit allowed is 6MB')
}

/** Weights and rates of block devices; whether the devices are there is seen at the start, as with dockerd. */
function checkBlkio({ blkioWeight: weight, blkioRates, mostIops, mostBandwidth }: Resources): void {
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalid('Range of blkio weight is from 10 to 1000')
  for (const name of rateNames)
    for (const { value } of blkioRates[name])
      if (value < 0) throw invalid(`invalid rate in ${name}: ${value} is below 0`)
  if (mostIops !== 0) throw invalid('Invalid QoS settings: linux does not support configuration of maximum IOPs')
  if (mostBandwidth !== 0)
    throw invalid('Invalid QoS settings: linux does not support configuration of maximum bandwidth')
}

function checkCpu(resources: Resources): void {
  const { nanoCpus: nano, cpuQuota: quota, cpuPeriod: period } = resources
  if (nano > 0 && period > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  if (nano > 0 && quota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  const count = cpus().length
  if (nano < 0 || nano > count * 1e9)
    throw invalid(`Range of CPUs is from 0.01 to ${count.toFixed(2)}, as there are only ${count} CPUs available`)
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  if (quota > 0 && quota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  const { cpuRealtimePeriod: rtPeriod, cpuRealtimeRuntime: rtRuntime } = resources
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
 * The limits that resources come to which have passed `checkLimits` and `discarded`.
 * @throws EngineError `invalid` for a device to throttle that is not there
 */
export function limitsOf(resources: Resources): ResourceLimits {
  const { memory, memorySwap: swap, memorySwappiness: swappiness, nanoCpus: nano, cpusetCpus, cpusetMems } = resources
  const quota = nano > 0 ? Math.round((nano / 1e9) * cpuPeriod) : resources.cpuQuota
  const period = nano > 0 ? cpuPeriod : resources.cpuPeriod || (quota > 0 ? cpuPeriod : 0)
  const { pids = defaultPids } = resources
  const some = <K extends string>(key: K, value: number): Partial<Record<K, number>> =>
    value > 0 ? ({ [key]: value } as Record<K, number>) : {}
  return {
    ...some('memory', memory),
    ...(memory > 0 ? { memorySwap: swap === 0 ? memory * 2 : swap } : swap < 0 ? { memorySwap: -1 } : {}),
    ...some('memoryReservation', resources.memoryReservation),
    ...(swappiness >= 0 ? { memorySwappiness: swappiness } : {}),
    ...(resources.oomKillDisable ? { oomKillDisable: true } : {}),
    ...some('cpuQuota', quota),
    ...some('cpuPeriod', period),
    ...some('cpuShares', resources.cpuShares),
    ...some('cpuRealtimePeriod', resources.cpuRealtimePeriod),
    ...some('cpuRealtimeRuntime', resources.cpuRealtimeRuntime),
    ...some('kernelMemoryTcp', resources.kernelMemoryTcp),
    ...some('blkioWeight', resources.blkioWeight),
    ...throttlesOf(resources),
    ...(cpusetCpus === '' ? {} : { cpusetCpus }),
    ...(cpusetMems === '' ? {} : { cpusetMems }),
    ...(pids > 0 ? { pids } : {}),
  }
}

const rlimits = 'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
  ' ',
)

/**
 * `--ulimit`s, and no core dumps unless asked for: where the host's core_pattern(5) is a pipe, its
 * program would read what a container made, as the host's root. @throws EngineError `invalid`
 */
export function rlimitsOf({ ulimits }: Pick<RunSpec, 'ulimits'>): Rlimit[] {
  const limits = ulimits.map(({ name, soft, hard }) => {
    if (!rlimits.includes(name)) throw invalid(`invalid ulimit type: ${name}`)
    if (hard !== -1 && (soft > hard || soft === -1))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
    return { name, soft, hard }
  })
  return limits.some(({ name }) => name === 'core') ? limits : [...limits, { name: 'core', soft: 0, hard: 0 }]
}
