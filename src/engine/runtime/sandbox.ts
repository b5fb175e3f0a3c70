import type { Mount } from '../records.js'

/** Limits of one container; absent is unlimited. */
export interface Limits {
  /** Bytes. */
  readonly memory?: number
  /** Bytes of memory and swap together; -1 is unlimited swap. */
  readonly memorySwap?: number
  /** Bytes. */
  readonly memoryReservation?: number
  /** Microseconds of CPU time a period. */
  readonly cpuQuota?: number
  /** Microseconds. */
  readonly cpuPeriod?: number
  readonly cpuShares?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pids?: number
}

export interface Rlimit {
  /** `nofile`, `nproc`, … */
  readonly name: string
  readonly soft: number
  readonly hard: number
}

export interface User {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
}

/** What a process in a container is given; the same for its first process, an exec and a build step. */
export interface Command {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: User
  readonly tty: boolean
  /** Capabilities of root; another user starts with none. */
  readonly capabilities: readonly string[]
  readonly noNewPrivileges: boolean
  /** Columns and rows of the terminal at its start. */
  readonly consoleSize?: readonly [rows: number, columns: number]
}

/** A namespace of the container's own, the host's, or another container's by path. */
export type Namespace = 'own' | 'host' | { readonly path: string }

/** Everything the runtime must know to make one container. */
export interface Sandbox {
  readonly id: string
  readonly command: Command
  /** Where the root file system is mounted in the engine's mount namespace. */
  readonly rootfs: string
  readonly readonlyRootfs: boolean
  readonly hostname: string
  readonly domainname: string
  readonly mounts: readonly Mount[]
  readonly network: Namespace
  readonly ipc: Namespace
  readonly privileged: boolean
  readonly seccomp: boolean
  /** Path of the control group, absolute in each hierarchy. */
  readonly cgroupPath: string
  readonly limits: Limits
  readonly rlimits: readonly Rlimit[]
  readonly sysctls: Readonly<Record<string, string>>
  /** Bytes of `/dev/shm`. */
  readonly shmSize: number
  readonly devices: readonly Device[]
  readonly oomScoreAdj?: number
}

export interface Device {
  readonly path: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  readonly mode: number
  /** Any of `rwm`. */
  readonly access: string
}
