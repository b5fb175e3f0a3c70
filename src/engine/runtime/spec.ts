import type { Mount, ResourceLimits, Rlimit, Throttle } from '../records.js'
import { existsSync } from 'node:fs'
import { idCount } from '../system/id-map.js'
import type { SandboxCommand, Namespace, Sandbox } from './sandbox.js'
import type { Filtered } from './filters.js'
import { profileOf } from './seccomp-profile.js'
import { seccompProfile } from './seccomp.js'

/** Paths that a container cannot read. */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
/** Paths that a container cannot write. */
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Device nodes every container may use: null, zero, full, random, urandom, tty, ptmx and its terminals. */
const allowedDevices: readonly (readonly [type: string, major: number | undefined, minor: number | undefined])[] = [
  ['c', 1, 3],
  ['c', 1, 5],
  ['c', 1, 7],
  ['c', 1, 8],
  ['c', 1, 9],
  ['c', 5, 0],
  ['c', 5, 1],
  ['c', 5, 2],
  ['c', 136, undefined],
]

/** The `process` object, runtime-spec config.md "Process"; the exec of a container uses it alone. */
export function processOf(command: SandboxCommand, rlimits: readonly Rlimit[] = [], oomScoreAdj?: number): object {
  const held = command.capabilities
  // the kernel drops the effective set at setuid anyway; saying so here keeps runtimes from raising it again
  const effective = command.user.uid === 0 ? held : []
  return {
    terminal: command.tty,
    ...(command.tty && command.consoleSize
      ? { consoleSize: { height: command.consoleSize[0], width: command.consoleSize[1] } }
      : {}),
    user: { ...command.user, umask: 0o022 },
    args: command.args,
    env: command.env,
    cwd: command.cwd,
    capabilities: { bounding: held, effective, permitted: effective },
    rlimits: rlimits.map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard })),
    noNewPrivileges: command.noNewPrivileges,
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  }
}

const deviceMounts = [
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
]

function kernelMounts({ shm, shmSize, privileged, users, namespaces: { network, pid, ipc } }: Sandbox): object[] {
  const ro = privileged ? [] : ['ro']
  // the kernel mounts its file systems only for whoever owns the namespace that they show
  const borrowed = (destination: string): object[] =>
    existsSync(destination)
      ? [{ destination, type: 'bind', source: destination, options: ['rbind', 'nosuid', 'noexec', 'nodev'] }]
      : []
  return [
    ...(users !== 'host' && pid === 'host'
      ? borrowed('/proc')
      : [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] }]),
    ...deviceMounts,
    {
      destination: '/sys',
      ...(network === 'host' ? { type: 'bind', source: '/sys' } : { type: 'sysfs', source: 'sysfs' }),
      options: ['nosuid', 'noexec', 'nodev', ...ro, ...(network === 'host' ? ['rbind'] : [])],
    },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', ...ro],
    },
    ...(users !== 'host' && ipc === 'host'
      ? borrowed('/dev/mqueue')
      : [{ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] }]),
    ...sharedMemoryMounts(shm, shmSize),
  ]
}

function sharedMemoryMounts(shm: Sandbox['shm'], size: number): object[] {
  const destination = '/dev/shm'
  if (shm === 'none') return []
  if (shm !== 'own') return [{ destination, type: 'bind', source: shm.path, options: ['rbind', 'rw'] }]
  const options = ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${size}`]
  return [{ destination, type: 'tmpfs', source: 'shm', options }]
}

const mountOf = ({ type, source, target, options }: Mount): object => ({ destination: target, type, source, options })

const namespaces = (kinds: Readonly<Record<string, Namespace>>): object[] =>
  Object.entries(kinds).flatMap(([type, kind]) =>
    kind === 'host' ? [] : [kind === 'own' ? { type } : { type, path: kind.path }],
  )

function resourcesOf({ limits, devices, deviceRules = [], privileged }: Sandbox): object {
  const rules = [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', access: 'm' },
    { allow: true, type: 'b', access: 'm' },
    ...allowedDevices.map(([type, major, minor]) => ({
      allow: true,
      type,
      ...(major === undefined ? {} : { major }),
      ...(minor === undefined ? {} : { minor }),
      access: 'rwm',
    })),
    ...devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
    ...deviceRules.map((rule) => ({ allow: true, ...rule })),
  ]
  return { devices: privileged ? [{ allow: true, access: 'rwm' }] : rules, ...linuxResources(limits) }
}

const rated = (throttles: readonly Throttle[] = []): readonly object[] | undefined =>
  throttles.length === 0 ? undefined : throttles.map(({ value, ...device }) => ({ ...device, rate: value }))

/** The limits as runtime-spec config-linux.md "Control groups" has them. */
function linuxResources(limits: ResourceLimits): object {
  const present = (object: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
  return {
    memory: present({
      limit: limits.memory,
      swap: limits.memorySwap,
      reservation: limits.memoryReservation,
      swappiness: limits.memorySwappiness,
      disableOOMKiller: limits.oomKillDisable,
      kernelTCP: limits.kernelMemoryTcp,
    }),
    cpu: present({
      shares: limits.cpuShares,
      quota: limits.cpuQuota,
      period: limits.cpuPeriod,
      cpus: limits.cpusetCpus,
      mems: limits.cpusetMems,
      realtimePeriod: limits.cpuRealtimePeriod,
      realtimeRuntime: limits.cpuRealtimeRuntime,
    }),
    blockIO: present({
      weight: limits.blkioWeight,
      weightDevice: limits.blkioWeights?.map(({ value, ...device }) => ({ ...device, weight: value })),
      throttleReadBpsDevice: rated(limits.blkioRates?.readBps),
      throttleWriteBpsDevice: rated(limits.blkioRates?.writeBps),
      throttleReadIOPSDevice: rated(limits.blkioRates?.readIops),
      throttleWriteIOPSDevice: rated(limits.blkioRates?.writeIops),
    }),
    ...(limits.pids === undefined ? {} : { pids: { limit: limits.pids } }),
  }
}

const deviceOf = ({ path, type, major, minor, mode }: Sandbox['devices'][number]): object => ({
  ...{ path, type, major, minor, fileMode: mode },
  ...{ uid: 0, gid: 0 },
})

/** The OCI runtime configuration (`config.json`) of a sandbox, runtime-spec v1.0. */
export function runtimeSpec(sandbox: Sandbox): Filtered {
  const { command, privileged } = sandbox
  return {
    ociVersion: '1.0.0',
    process: processOf(command, sandbox.rlimits, sandbox.oomScoreAdj),
    root: { path: sandbox.rootfs, readonly: sandbox.readonlyRootfs },
    ...(sandbox.hostname === '' ? {} : { hostname: sandbox.hostname }),
    ...(sandbox.annotations ? { annotations: sandbox.annotations } : {}),
    mounts: [...kernelMounts(sandbox), ...[...sandbox.mounts].sort(byDepth).map(mountOf)],
    linux: {
      ...usersOf(sandbox.users),
      namespaces: [
        { type: 'mount' },
        ...(sandbox.users === 'host'
          ? []
          : [sandbox.users.path === undefined ? { type: 'user' } : { type: 'user', path: sandbox.users.path }]),
        ...namespaces(sandbox.namespaces),
      ],
      cgroupsPath: sandbox.cgroupPath,
      resources: resourcesOf(sandbox),
      // one without the right to make them is given mounts instead
      devices: (sandbox.users === 'host' ? sandbox.devices : []).map(deviceOf),
      sysctl: sandbox.sysctls,
      rootfsPropagation: propagationOf(sandbox.mounts),
      ...(privileged
        ? {}
        : {
            maskedPaths: sandbox.maskedPaths ?? maskedPaths,
            readonlyPaths: sandbox.readonlyPaths ?? readonlyPaths,
          }),
      ...seccompOf(sandbox),
    },
  }
}

function usersOf(users: Sandbox['users']): object {
  if (users === 'host') return {}
  const mappings = [{ containerID: 0, hostID: users.first, size: idCount }]
  return { uidMappings: mappings, gidMappings: mappings }
}

/** What a mount passes on or takes in, the root that holds it must not cut off. */
function propagationOf(mounts: readonly Mount[]): string {
  const asks = (...modes: readonly string[]): boolean =>
    mounts.some(({ options }) => options.some((option) => modes.includes(option)))
  return asks('shared', 'rshared') ? 'shared' : asks('slave', 'rslave') ? 'rslave' : 'rprivate'
}

function seccompOf({ seccomp, command: { capabilities } }: Sandbox): { readonly seccomp?: object } {
  if (seccomp === 'none') return {}
  return { seccomp: seccomp === 'default' ? seccompProfile(capabilities) : profileOf(seccomp.profile, capabilities) }
}

/** A mount below another must come after it. */
const byDepth = (a: Mount, b: Mount): number => a.target.split('/').length - b.target.split('/').length
