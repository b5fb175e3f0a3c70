import type { Endpoint, EndpointSpec, Healthcheck, PortRequest } from '../records.js'
import type { ContainerState } from './state.js'

/** A container's `Config` in the Docker Engine API, image defaults merged in. */
export interface ContainerConfig {
  Hostname: string
  Domainname: string
  User: string
  AttachStdin: boolean
  AttachStdout: boolean
  AttachStderr: boolean
  ExposedPorts?: Record<string, object>
  Tty: boolean
  OpenStdin: boolean
  StdinOnce: boolean
  Env: string[]
  Cmd: string[] | null
  Healthcheck?: Healthcheck
  Image: string
  Volumes: Record<string, object> | null
  WorkingDir: string
  Entrypoint: string[] | null
  Labels: Record<string, string>
  StopSignal?: string
  StopTimeout?: number
  Shell?: string[]
}

export interface RestartPolicy {
  readonly Name: '' | 'no' | 'on-failure' | 'always' | 'unless-stopped'
  readonly MaximumRetryCount: number
}

/** What of `HostConfig` the engine acts on; all else is kept and shown again. */
export interface HostConfig extends Readonly<Record<string, unknown>> {
  readonly Binds: readonly string[] | null
  readonly NetworkMode: string
  readonly PortBindings: Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>>
  readonly RestartPolicy: RestartPolicy
  readonly AutoRemove: boolean
  /** Name of the OCI runtime. */
  readonly Runtime: string
  readonly Mounts?: readonly MountRequest[]
  readonly Links?: readonly string[] | null
  readonly Dns?: readonly string[] | null
  readonly VolumesFrom?: readonly string[] | null
  readonly CgroupParent?: string
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> }
}

export interface MountRequest {
  readonly Type: string
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly CreateMountpoint?: boolean
    readonly NonRecursive?: boolean
    readonly ReadOnlyNonRecursive?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly Subpath?: string
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> }
  }
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number
    readonly Mode?: number
    readonly Options?: readonly (readonly string[])[]
  }
}

/** One mount of a container, its volume made. */
export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** Volume name, '' for others. */
  readonly name: string
  /** Host path, '' for tmpfs. */
  readonly source: string
  readonly target: string
  readonly mode: string
  readonly writable: boolean
  readonly propagation: string
  /** tmpfs(5) options. */
  readonly options: readonly string[]
  /** The volume was made for this container and goes with it. */
  readonly anonymous: boolean
  /** Of a volume: what is mounted of it, below its root. */
  readonly subpath?: string
  /** Of a bind: a missing directory is made. */
  readonly create?: boolean
  /** Of a bind: what is mounted below its source stays out. */
  readonly flat?: boolean
  /** Of a read-only bind: what is mounted below its source stays writable. */
  readonly writableBelow?: boolean
  /** Shown among the settings alone, as Docker does with `--tmpfs`. */
  readonly hidden?: boolean
}

/** A container as stored, one JSON document a container. */
export interface ContainerRecord {
  readonly id: string
  name: string
  readonly created: string
  /** Image id. */
  readonly image: string
  readonly config: ContainerConfig
  hostConfig: HostConfig
  /** Networks it joins when started. */
  networks: readonly EndpointSpec[]
  readonly mounts: readonly MountPoint[]
  readonly state: ContainerState
  /** As plumbed, while it runs. */
  endpoints: readonly Endpoint[]
  ports: readonly PortRequest[]
}
