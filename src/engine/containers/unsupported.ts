import { cgroupVersion, hasBfq, offers } from '../system/facts.js'
import type { HostConfig } from './record.js'

/** A limit that some kernels have no file for. */
interface Doubtful {
  readonly fields: readonly string[]
  /** What the field becomes. */
  readonly none: unknown
  /** In dockerd's words, where it has any. */
  readonly warning: string
  readonly here: () => boolean
}

const v1 = (): boolean => cgroupVersion() === '1'
const unmounted = 'or the cgroup is not mounted.'
const rate = (field: string, words: string, file: string): Doubtful => ({
  fields: [field],
  none: [],
  warning: `Your kernel does not support ${words} ${unmounted} ${words[0]?.toUpperCase()}${words.slice(1)} discarded.`,
  here: () => (v1() ? offers('blkio', file) : offers('io')),
})

const doubtful: readonly Doubtful[] = [
  {
    fields: ['MemorySwappiness'],
    none: null,
    warning: `Your kernel does not support memory swappiness capabilities ${unmounted} Memory swappiness discarded.`,
    here: () => v1() && offers('memory', 'memory.swappiness'),
  },
  {
    fields: ['OomKillDisable'],
    none: false,
    warning: 'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    here: () => v1() && offers('memory', 'memory.oom_control'),
  },
  {
    fields: ['KernelMemoryTCP'],
    none: 0,
    warning: `Your kernel does not support kernel memory TCP limit capabilities ${unmounted} Limitation discarded.`,
    here: () => v1() && offers('memory', 'memory.kmem.tcp.limit_in_bytes'),
  },
  {
    fields: ['CpuRealtimePeriod', 'CpuRealtimeRuntime'],
    none: 0,
    warning: `Your kernel does not support cgroup rt period and runtime ${unmounted} They are discarded.`,
    here: () => v1() && offers('cpu', 'cpu.rt_period_us'),
  },
  {
    fields: ['CpuPercent'],
    none: 0,
    warning: 'linux does not support CPU percent. Percent discarded.',
    here: () => false,
  },
  {
    fields: ['BlkioWeight'],
    none: 0,
    warning: `Your kernel does not support Block I/O weight ${unmounted} Weight discarded.`,
    here: () => (v1() ? offers('blkio', 'blkio.weight') : offers('io')),
  },
  {
    fields: ['BlkioWeightDevice'],
    none: [],
    warning: `Your kernel does not support Block I/O weight_device ${unmounted} Weight-device discarded.`,
    here: () => (v1() ? offers('blkio', 'blkio.weight_device') : offers('io') && hasBfq()),
  },
  rate('BlkioDeviceReadBps', 'BPS Block I/O read limit', 'blkio.throttle.read_bps_device'),
  rate('BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'blkio.throttle.write_bps_device'),
  rate('BlkioDeviceReadIOps', 'IOPS Block I/O read limit', 'blkio.throttle.read_iops_device'),
  rate('BlkioDeviceWriteIOps', 'IOPS Block I/O write limit', 'blkio.throttle.write_iops_device'),
]

const isSet = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : ![undefined, null, 0, false].includes(value as never)

/** Takes out of a `HostConfig` what cannot be had here, each with a warning: the container is made all the same. */
export function dropUnsupported(host: HostConfig): { readonly host: HostConfig; readonly warnings: readonly string[] } {
  const lost = doubtful.filter(({ fields, here }) => fields.some((name) => isSet(host[name])) && !here())
  const none = lost.flatMap(({ fields, none }) => fields.map((name) => [name, none] as const))
  const left = { ...host, ...Object.fromEntries(none) }
  return { host: left, warnings: [...lost.map(({ warning }) => warning), ...advice(left)] }
}

/** What is had, and is still not what one might think. */
function advice(host: HostConfig): string[] {
  return [
    // as runc and crun do: kernels from 5.16 on have no such limit
    ...(isSet(host.KernelMemory)
      ? ['Specifying a kernel memory limit is deprecated and will be removed in a future release.']
      : []),
    ...(host.OomKillDisable === true && !host.Memory
      ? [
          'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running ' +
            'out of resources.',
        ]
      : []),
  ]
}
