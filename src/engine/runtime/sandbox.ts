import type { ResourceLimits, Mount, Rlimit } from '../records.js'
import type { IdRange } from '../system/id-map.js'

export interface ProcessUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
}

/** What a process in a container is given; the same for its first process, an exec and a build step. */
export interface SandboxCommand {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: ProcessUser
  readonly tty: boolean
  /** Capabilities of root; another user starts with none. */
  readonly capabilities: readonly string[]
  readonly noNewPrivileges: boolean
  /** Columns and rows of the terminal at its start. */
  readonly consoleSize?: readonly [rows: number, columns: number]
}

/** A namespace of the container's own, the host's, or another container's by path. */
export type Namespace = 'own' | 'host' | { readonly path: string }

/**
 * The host's user namespace; one of the container's own, its ids mapped to a range; or another container's by path, whose
 * range that is.
 */
export type UserNamespace = 'host' | (IdRange & { readonly path?: string })

/** Everything the runtime must know to make one container. */
export interface Sandbox {
  readonly id: string
  readonly command: SandboxCommand
  /** Where the root file system is mounted in the engine's mount namespace, its owners mapped as `users` says. */
  readonly rootfs: string
  readonly readonlyRootfs: boolean
  /** '' where it is the host's, or another container's. */
  readonly hostname: string
  readonly mounts: readonly Mount[]
  readonly namespaces: Readonly<Record<'network' | 'ipc' | 'pid' | 'uts' | 'cgroup', Namespace>>
  readonly users: UserNamespace
  /** `/dev/shm`: of its own, none, or a directory of the host. */
  readonly shm: 'own' | 'none' | { readonly path: string }
  readonly privileged: boolean
  /** The engine's own filter, none, or a profile of Docker's format as its JSON. */
  readonly seccomp: 'default' | 'none' | { readonly profile: string }
  /** Instead of the usual ones; a privileged container has none. */
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  /** Path of the control group, absolute in each hierarchy. */
  readonly cgroupPath: string
  readonly limits: ResourceLimits
  readonly rlimits: readonly Rlimit[]
  readonly sysctls: Readonly<Record<string, string>>
  /** Bytes of `/dev/shm`. */
  readonly shmSize: number
  readonly devices: readonly Device[]
  /** What it may use of devices besides. */
  readonly deviceRules?: readonly DeviceRule[]
  readonly oomScoreAdj?: number
}

/** A rule of the device control group; an absent number is any. */
export interface DeviceRule {
  readonly type: 'a' | 'b' | 'c'
  readonly major?: number
  readonly minor?: number
  /** Any of `rwm`. */
  readonly access: string
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
