import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { arch, cpus, hostname, release, totalmem } from 'node:os'
import { join } from 'node:path'

/** What is so about the machine and this build, read where it is written. */

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Berth's version, from the package this file belongs to. */
export const engineVersion: string =
  (JSON.parse(read(join(import.meta.dirname, '../../../package.json')) ?? '{}') as { version?: string }).version ?? '0'

// uname -m and GOARCH
const machines: Readonly<Record<string, readonly [string, string]>> = {
  x64: ['x86_64', 'amd64'],
  arm64: ['aarch64', 'arm64'],
  arm: ['armv7l', 'arm'],
  s390x: ['s390x', 's390x'],
  ppc64: ['ppc64le', 'ppc64le'],
}
const [machine, goArch] = machines[arch()] ?? [arch(), arch()]

/** The machine's architecture: `x86_64` as the kernel says, `amd64` as image configurations do. */
export const architecture = { machine, image: goArch } as const

/** `PRETTY_NAME` and `VERSION_ID` of os-release(5). */
function operatingSystem(): { name: string; version: string } {
  const text = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? ''
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  return { name: value('PRETTY_NAME') || 'Linux', version: value('VERSION_ID') }
}

/** 2 when the unified hierarchy is mounted alone; on a hybrid host the controllers are version 1's. */
export const cgroupVersion = (): '1' | '2' => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1')

/** Whether the kernel offers a controller, or a file of it, in this hierarchy. */
export function offers(controller: string, file?: string): boolean {
  if (cgroupVersion() === '2')
    return (read('/sys/fs/cgroup/cgroup.controllers') ?? '')
      .split(' ')
      .includes(controller === 'cpuacct' ? 'cpu' : controller)
  const directory = `/sys/fs/cgroup/${controller}`
  return existsSync(file === undefined ? directory : join(directory, file))
}

/** Whether a block device is scheduled by BFQ, which alone weighs by device below version 2. */
export const hasBfq = (): boolean =>
  readdirSync('/sys/block').some((name) => read(`/sys/block/${name}/queue/scheduler`)?.includes('[bfq]'))

/** Which limits work here, in the fields of `GET /info`. */
export const limits = () => ({
  MemoryLimit: offers('memory'),
  SwapLimit: cgroupVersion() === '2' ? offers('memory') : offers('memory', 'memory.memsw.limit_in_bytes'),
  CpuCfsPeriod: offers('cpu', 'cpu.cfs_period_us'),
  CpuCfsQuota: offers('cpu', 'cpu.cfs_quota_us'),
  CPUShares: offers('cpu'),
  CPUSet: offers('cpuset'),
  PidsLimit: offers('pids'),
  OomKillDisable: cgroupVersion() === '1' && offers('memory', 'memory.oom_control'),
})

const sysctl = (path: string): boolean => read(`/proc/sys/${path}`) === '1'

/** What `GET /info` says of the kernel and the machine. */
export const host = () => ({
  IPv4Forwarding: sysctl('net/ipv4/ip_forward'),
  BridgeNfIptables: sysctl('net/bridge/bridge-nf-call-iptables'),
  BridgeNfIp6tables: sysctl('net/bridge/bridge-nf-call-ip6tables'),
  KernelVersion: release(),
  OperatingSystem: operatingSystem().name,
  OSVersion: operatingSystem().version,
  OSType: 'linux',
  Architecture: architecture.machine,
  NCPU: cpus().length,
  MemTotal: totalmem(),
  Name: hostname(),
})
