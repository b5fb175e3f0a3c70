import { EngineError, messageOf } from '../errors.js'
import type { Cgroup } from '../runtime/cgroup.js'
import type { ResourceLimits } from '../records.js'
import { fieldsOf } from '../system/fields.js'
import type { Container, ContainerDeps } from './container.js'
import { dropUnsupported } from './unsupported.js'
import { checkLimits, limitsOf } from './limits.js'
import type { HostConfig } from './record.js'
import { runSpecOf } from './run-spec.js'
import { hostConfigOf } from './request.js'
import { checkUpdateRequest } from './shape.js'

const changeable = [
  'Memory', 'MemorySwap', 'MemoryReservation', 'NanoCpus', 'CpuQuota', 'CpuPeriod', 'CpuShares', 'CpusetCpus', 'CpusetMems',
  'PidsLimit', 'RestartPolicy', 'BlkioWeight', 'CpuRealtimePeriod', 'CpuRealtimeRuntime', 'KernelMemory',
] // prettier-ignore

/**
 * Changes limits and restart policy, of a running container too; both stay over a restart.
 * @returns warnings of what cannot be had here
 * @throws EngineError `invalid`, `conflict`; nothing has changed then
 */
export async function updateLimits(
  deps: ContainerDeps,
  container: Container,
  body: unknown,
): Promise<readonly string[]> {
  checkUpdateRequest(body)
  const fields = fieldsOf(body)
  const asked = Object.fromEntries(
    Object.entries(fields).filter(
      ([key, value]) =>
        changeable.includes(key) && (![0, null, ''].includes(value as never) || (key === 'PidsLimit' && value === 0)),
    ),
  )
  const policy = (asked.RestartPolicy as { Name?: string } | undefined)?.Name
  if (policy === undefined || policy === '') delete asked.RestartPolicy
  const warnings = await container.exclusively(async () => {
    const { record } = container
    refuseConflicts(record.hostConfig, asked)
    const own = record.hostConfig
    const { host, warnings } = dropUnsupported(hostConfigOf({ HostConfig: { ...own, ...asked } }, own.Runtime))
    const pids = 'PidsLimit' in asked ? asked.PidsLimit : own.PidsLimit
    // as dockerd: none and less are no limit, and shown as 0
    const next = { ...host, PidsLimit: typeof pids === 'number' ? Math.max(pids, 0) : null }
    const run = runSpecOf(next)
    checkLimits(run)
    const limits = { ...limitsOf(run.resources), ...(asked.CpuQuota === -1 ? { cpuQuota: -1 } : {}) }
    if (container.up) apply(container.cgroup(deps), limits, record.id)
    record.hostConfig = next
    await deps.store.save(record)
    return warnings
  })
  container.emit(deps.events, 'update')
  return warnings
}

/** @throws EngineError `invalid` in dockerd's words for what cannot be changed alone */
function refuseConflicts(old: HostConfig, asked: Readonly<Record<string, unknown>>): void {
  const refuse = (message: string): never => {
    throw new EngineError('invalid', message)
  }
  if (asked.RestartPolicy && old.AutoRemove)
    refuse('Restart policy cannot be updated because AutoRemove is enabled for the container')
  if (asked.CpuPeriod && old.NanoCpus)
    refuse('Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set')
  if (asked.CpuQuota && old.NanoCpus)
    refuse('Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set')
  if (asked.NanoCpus && old.CpuPeriod)
    refuse('Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set')
  if (asked.NanoCpus && old.CpuQuota)
    refuse('Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set')
  const swap = Number(old.MemorySwap ?? 0)
  if (asked.Memory && !asked.MemorySwap && swap > 0 && Number(asked.Memory) > swap)
    refuse('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time')
}

function apply(cgroup: Cgroup, limits: ResourceLimits, id: string): void {
  const write = cgroup.hierarchies.version === 2 ? writeV2 : writeV1
  try {
    write(
      limits,
      (controller, file, value) => {
        if (value !== undefined) cgroup.write(controller, file, String(value))
      },
      cgroup,
    )
  } catch (error) {
    throw new EngineError('broken', `Cannot update container ${id}: ${messageOf(error)}`, error)
  }
}

type Write = (controller: string, file: string, value: number | string | undefined) => void

function writeV1(limits: ResourceLimits, write: Write, cgroup: Cgroup): void {
  // memory is kept below memory and swap: which comes first depends on the direction
  const order = [
    () => write('memory', 'memory.memsw.limit_in_bytes', limits.memorySwap),
    () => write('memory', 'memory.limit_in_bytes', limits.memory),
  ]
  const old = Number(cgroup.read('memory', 'memory.memsw.limit_in_bytes'))
  const grows = limits.memorySwap === -1 || (limits.memorySwap ?? 0) > old
  for (const step of grows ? order : order.reverse()) step()
  write('memory', 'memory.soft_limit_in_bytes', limits.memoryReservation)
  write('cpu', 'cpu.cfs_period_us', limits.cpuPeriod)
  write('cpu', 'cpu.cfs_quota_us', limits.cpuQuota)
  write('cpu', 'cpu.shares', limits.cpuShares)
  write('cpuset', 'cpuset.cpus', limits.cpusetCpus)
  write('cpuset', 'cpuset.mems', limits.cpusetMems)
  write('pids', 'pids.max', limits.pids ?? 'max')
  write('cpu', 'cpu.rt_period_us', limits.cpuRealtimePeriod)
  write('cpu', 'cpu.rt_runtime_us', limits.cpuRealtimeRuntime)
  write('blkio', 'blkio.weight', limits.blkioWeight)
}

function writeV2(limits: ResourceLimits, write: Write, cgroup: Cgroup): void {
  const { memory, memorySwap, cpuQuota, cpuPeriod, cpuShares } = limits
  write('memory', 'memory.max', memory)
  // version 2 limits swap by itself
  if (memorySwap !== undefined) write('memory', 'memory.swap.max', memorySwap < 0 ? 'max' : memorySwap - (memory ?? 0))
  write('memory', 'memory.low', limits.memoryReservation)
  if (cpuQuota !== undefined || cpuPeriod !== undefined)
    write(
      'cpu',
      'cpu.max',
      `${cpuQuota === undefined || cpuQuota < 0 ? 'max' : String(cpuQuota)} ${cpuPeriod ?? 100_000}`,
    )
  // the OCI runtimes' way from 2..262144 to 1..10000
  if (cpuShares !== undefined) write('cpu', 'cpu.weight', Math.floor(1 + ((cpuShares - 2) * 9999) / 262142))
  write('cpuset', 'cpuset.cpus', limits.cpusetCpus)
  write('cpuset', 'cpuset.mems', limits.cpusetMems)
  write('pids', 'pids.max', limits.pids ?? 'max')
  if (limits.blkioWeight === undefined) return
  // likewise: where the kernel has BFQ, its weight is 1..1000, and the other 1..10000
  if (cgroup.read('io', 'io.bfq.weight') !== '') write('io', 'io.bfq.weight', limits.blkioWeight)
  else write('io', 'io.weight', Math.floor(1 + ((limits.blkioWeight - 10) * 9999) / 990))
}
