import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseKeyValues, type Cgroup } from '../runtime/cgroup.js'
import type { Container, ContainerDeps } from './container.js'
import { never, timestamp } from './state.js'

const clockTick = 100
const number = (text: string): number => Number(text.trim()) || 0
const lines = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/))

/** CPU time, ns, of one container. */
function cpuOf(cgroup: Cgroup): { total: number; perCpu?: number[]; user: number; system: number; throttled: object } {
  if (cgroup.hierarchies.version === 2) {
    const stat = parseKeyValues(cgroup.read('cpu', 'cpu.stat'))
    const us = (key: string): number => (stat[key] ?? 0) * 1000
    const throttled = {
      periods: stat.nr_periods ?? 0,
      throttled_periods: stat.nr_throttled ?? 0,
      throttled_time: us('throttled_usec'),
    }
    return { total: us('usage_usec'), user: us('user_usec'), system: us('system_usec'), throttled }
  }
  const ticks = parseKeyValues(cgroup.read('cpuacct', 'cpuacct.stat'))
  const stat = parseKeyValues(cgroup.read('cpu', 'cpu.stat'))
  const ns = (key: string): number => ((ticks[key] ?? 0) * 1e9) / clockTick
  const throttled = {
    periods: stat.nr_periods ?? 0,
    throttled_periods: stat.nr_throttled ?? 0,
    throttled_time: stat.throttled_time ?? 0,
  }
  return {
    total: number(cgroup.read('cpuacct', 'cpuacct.usage')),
    perCpu: (lines(cgroup.read('cpuacct', 'cpuacct.usage_percpu'))[0] ?? []).map(Number),
    user: ns('user'),
    system: ns('system'),
    throttled,
  }
}

function memoryOf(cgroup: Cgroup): object {
  const stats = parseKeyValues(cgroup.read('memory', 'memory.stat'))
  const v2 = cgroup.hierarchies.version === 2
  const limit = number(cgroup.read('memory', v2 ? 'memory.max' : 'memory.limit_in_bytes'))
  const total = number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '') * 1024
  return {
    usage: number(cgroup.read('memory', v2 ? 'memory.current' : 'memory.usage_in_bytes')),
    ...(v2 ? {} : { max_usage: number(cgroup.read('memory', 'memory.max_usage_in_bytes')) }),
    stats,
    limit: limit > 0 && limit < total ? limit : total,
  }
}

/** Jiffies of all CPUs as ns: the first line of proc_stat(5). */
function systemCpu(): number {
  const [first = []] = lines(readFileSync('/proc/stat', 'utf8'))
  return (first.slice(1, 9).reduce((sum, ticks) => sum + Number(ticks), 0) * 1e9) / clockTick
}

function cpuStats(cgroup: Cgroup): object {
  const { total, perCpu, user, system, throttled } = cpuOf(cgroup)
  return {
    cpu_usage: {
      total_usage: total,
      ...(perCpu ? { percpu_usage: perCpu } : {}),
      usage_in_kernelmode: system,
      usage_in_usermode: user,
    },
    system_cpu_usage: systemCpu(),
    online_cpus: cpus().length,
    throttling_data: throttled,
  }
}

function networksOf(pid: number): object {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
  } catch {
    return {}
  }
  const rows = lines(text.replaceAll(':', ' ')).filter(([name]) => name?.startsWith('eth'))
  return Object.fromEntries(
    rows.map(([name = '', ...n]) => {
      const [rx_bytes, rx_packets, rx_errors, rx_dropped, , , , , tx_bytes, tx_packets, tx_errors, tx_dropped] =
        n.map(Number)
      return [name, { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped }]
    }),
  )
}

interface BlockEntry {
  readonly major: number
  readonly minor: number
  readonly op: string
  readonly value: number
}

const numbersOf = (device: string): { major: number; minor: number } => {
  const [major = 0, minor = 0] = device.split(':').map(Number)
  return { major, minor }
}

/** The lists that version 1 of control groups had; the kernel has numbers for two of them. */
const blockLists = [
  'io_service_bytes', 'io_serviced', 'io_queue', 'io_service_time', 'io_wait_time', 'io_merged', 'io_time', 'sectors',
] // prettier-ignore

function blockOf(cgroup: Cgroup): object {
  const v2 = cgroup.hierarchies.version === 2
  const counted: Readonly<Record<string, readonly BlockEntry[]>> = v2 ? blockV2(cgroup) : blockV1(cgroup)
  return Object.fromEntries(blockLists.map((name) => [`${name}_recursive`, counted[name] ?? (v2 ? null : [])]))
}

function blockV1(cgroup: Cgroup): Record<string, BlockEntry[]> {
  const entries = (name: string): BlockEntry[] =>
    lines(cgroup.read('blkio', `blkio.throttle.${name}_recursive`) || cgroup.read('blkio', `blkio.throttle.${name}`))
      .filter((row) => row.length === 3) // the last is the total
      .map(([device = '', op = '', value]) => ({ ...numbersOf(device), op, value: Number(value) }))
  return { io_service_bytes: entries('io_service_bytes'), io_serviced: entries('io_serviced') }
}

function blockV2(cgroup: Cgroup): Record<string, BlockEntry[]> {
  const rows = lines(cgroup.read('io', 'io.stat'))
  const entries = (read: string, write: string): BlockEntry[] =>
    rows.flatMap(([device = '', ...pairs]) => {
      const values = parseKeyValues(pairs.map((pair) => pair.replace('=', ' ')).join('\n'))
      const entry = (op: string, key: string): BlockEntry => ({ ...numbersOf(device), op, value: values[key] ?? 0 })
      return [entry('read', read), entry('write', write)]
    })
  return { io_service_bytes: entries('rbytes', 'wbytes'), io_serviced: entries('rios', 'wios') }
}

/** One sample of a container as `GET /containers/{id}/stats` has it; `before` is the sample it is compared with. */
export function sample(deps: ContainerDeps, container: Container, before?: object): object {
  const cgroup = container.cgroup(deps)
  const { pid } = container.record.state
  const common = {
    id: container.id,
    name: `/${container.record.name}`,
    read: timestamp(),
    num_procs: 0,
    storage_stats: {},
  }
  const earlier = before as { read?: string; cpu_stats?: object } | undefined
  const preread = { preread: earlier?.read ?? never }
  const none = {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  }
  if (!container.up)
    return {
      ...common,
      ...preread,
      read: never,
      pids_stats: {},
      blkio_stats: Object.fromEntries(blockLists.map((name) => [`${name}_recursive`, null])),
      cpu_stats: none,
      precpu_stats: none,
      memory_stats: {},
    }
  const current = number(cgroup.read('pids', 'pids.current')) - container.runtimes.size
  return {
    ...common,
    ...preread,
    pids_stats: { current, limit: number(cgroup.read('pids', 'pids.max')) },
    blkio_stats: blockOf(cgroup),
    cpu_stats: cpuStats(cgroup),
    precpu_stats: earlier?.cpu_stats ?? none,
    memory_stats: memoryOf(cgroup),
    ...(['host', 'none'].includes(container.record.hostConfig.NetworkMode) ? {} : { networks: networksOf(pid) }),
  }
}
