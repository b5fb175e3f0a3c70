import { EngineError, messageOf } from '../errors.js'
import type { Cgroup } from '../runtime/cgroup.js'
import type { Limits } from '../runtime/sandbox.js'
import { fieldsOf } from '../system/fields.js'
import type { Container } from './container.js'
import type { Containers } from './containers.js'
import { limitsOf } from './limits.js'
import { hostConfigOf } from './request.js'

const changeable = [
  'Memory', 'MemorySwap', 'MemoryReservation', 'NanoCpus', 'CpuQuota', 'CpuPeriod', 'CpuShares', 'CpusetCpus', 'CpusetMems',
  'PidsLimit', 'RestartPolicy',
] // prettier-ignore

/** Changes limits and restart policy, of a running container too. @throws EngineError `invalid`; nothing has changed then */
export async function updateLimits(containers: Containers, container: Container, body: unknown): Promise<void> {
  const { record } = container
  const fields = fieldsOf(body)
  const asked = Object.fromEntries(
    Object.entries(fields).filter(
      ([key, value]) => changeable.includes(key) && ![0, null, ''].includes(value as never),
    ),
  )
  const policy = (asked.RestartPolicy as { Name?: string } | undefined)?.Name
  if (policy === undefined || policy === '') delete asked.RestartPolicy
  const next = hostConfigOf({ HostConfig: { ...record.hostConfig, ...asked } }, record.hostConfig.Runtime)
  const limits = limitsOf(next)
  if (container.up) apply(container.cgroup(containers.shop), limits)
  record.hostConfig = next
  await containers.shop.store.save(record)
  container.emit(containers.shop.events, 'update')
}

function apply(cgroup: Cgroup, limits: Limits): void {
  const v2 = cgroup.hierarchies.version === 2
  const set = (controller: string, v1: string, v2File: string, value: number | string | undefined): void => {
    if (value !== undefined) cgroup.write(controller, v2 ? v2File : v1, String(value))
  }
  try {
    if (limits.memory !== undefined && !v2) {
      // v1 keeps memory below memory and swap: which comes first depends on the direction
      const grow = Number(cgroup.read('memory', 'memory.limit_in_bytes')) < limits.memory
      const order = [
        () => set('memory', 'memory.memsw.limit_in_bytes', '', limits.memorySwap),
        () => set('memory', 'memory.limit_in_bytes', '', limits.memory),
      ]
      for (const step of grow ? order : order.reverse()) step()
    } else set('memory', '', 'memory.max', limits.memory)
    if (v2) {
      if (limits.cpuQuota !== undefined)
        cgroup.write('cpu', 'cpu.max', `${limits.cpuQuota} ${limits.cpuPeriod ?? 100_000}`)
    } else {
      set('cpu', 'cpu.cfs_period_us', '', limits.cpuPeriod)
      set('cpu', 'cpu.cfs_quota_us', '', limits.cpuQuota)
      set('cpu', 'cpu.shares', '', limits.cpuShares)
    }
    set('cpuset', 'cpuset.cpus', 'cpuset.cpus', limits.cpusetCpus)
    set('pids', 'pids.max', 'pids.max', limits.pids)
  } catch (error) {
    throw new EngineError('broken', `Cannot update container: ${messageOf(error)}`, error)
  }
}
