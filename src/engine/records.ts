/** The plain records the engine's rooms meet in. They know nothing of how each other work. */

import type { Outlet } from './system/dial.js'
import type { Secret } from './system/secret.js'

/** `sha256:<64 hex>` */
export type Digest = string

/** The `config` object of an OCI image configuration, image-spec v1.1 config.md; Docker's extensions included. */
export interface ImageConfig {
  User?: string
  ExposedPorts?: Record<string, object>
  Env?: string[]
  Entrypoint?: string[] | null
  Cmd?: string[] | null
  Volumes?: Record<string, object>
  WorkingDir?: string
  Labels?: Record<string, string>
  StopSignal?: string
  Shell?: string[]
  OnBuild?: string[]
  ArgsEscaped?: boolean
  Healthcheck?: Healthcheck
}

/** Durations in nanoseconds, as in the Docker Engine API. */
export interface Healthcheck {
  Test?: string[]
  Interval?: number
  Timeout?: number
  StartPeriod?: number
  StartInterval?: number
  Retries?: number
}

/** An image as stored: its id is the digest of its configuration. */
export interface Image {
  readonly id: Digest
  /** RFC 3339 */
  readonly created: string
  readonly architecture: string
  readonly os: string
  readonly config: ImageConfig
  /** Diff ids, bottom first. */
  readonly layers: readonly Digest[]
  /** Bytes of all its layers on disk. */
  readonly size: number
}

/** What the container room needs of the image room. */
export interface Images {
  /** Copies all that is in a directory to an empty one, as `cp --archive` does. @throws EngineError `full` */
  copyTree(from: string, to: string): Promise<void>
  /** Finds an image by id, unique id prefix, or reference. @throws EngineError `missing` "No such image: x" */
  get(reference: string): Promise<Image>
  /** Directories of the image's layers, bottom first, for an overlay mount. Nothing but the image room writes there. */
  lowerDirs(image: Image): Promise<readonly string[]>
  /** Whether a layer of an image has a setuid or setgid program or one with capabilities, be it hidden by another layer. */
  hasPrivilegedFiles(id: Digest): boolean
}

export interface Mount {
  readonly type: 'bind' | 'tmpfs' | 'overlay'
  readonly source: string
  readonly target: string
  readonly options: readonly string[]
}

/** Limits of one container; absent is unlimited. */
export interface ResourceLimits {
  /** Bytes. */
  readonly memory?: number
  /** Bytes of memory and swap together; -1 is unlimited swap. */
  readonly memorySwap?: number
  /** Bytes. */
  readonly memoryReservation?: number
  /** 0 to 100; version 1 only. */
  readonly memorySwappiness?: number
  /** Wait for memory instead of dying for want of it; version 1 only. */
  readonly oomKillDisable?: boolean
  /** Microseconds of CPU time a period. */
  readonly cpuQuota?: number
  /** Microseconds. */
  readonly cpuPeriod?: number
  readonly cpuShares?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pids?: number
  /** Microseconds a period for real-time processes, and the period; version 1 only. */
  readonly cpuRealtimeRuntime?: number
  readonly cpuRealtimePeriod?: number
  /** Bytes of TCP buffers; version 1 only. */
  readonly kernelMemoryTcp?: number
  /** Share of block I/O, 10 to 1000. */
  readonly blkioWeight?: number
  readonly blkioWeights?: readonly Throttle[]
  /** The most a second, in bytes or operations. */
  readonly blkioRates?: Readonly<Record<'readBps' | 'writeBps' | 'readIops' | 'writeIops', readonly Throttle[]>>
}

/** A block device and its weight or rate. */
export interface Throttle {
  readonly major: number
  readonly minor: number
  readonly value: number
}

export interface Rlimit {
  /** `nofile`, `nproc`, … */
  readonly name: string
  readonly soft: number
  readonly hard: number
}

/** Where a step's packets go: `default` is the network that builds have to themselves; a network of the engine; a namespace by path. */
export type StepNetwork = 'default' | 'none' | 'host' | { readonly network: string } | { readonly namespace: string }

/** A secret lent to one step, on no disk. An `agent` is a socket of the host, reached through one of the step's own. */
export type StepSecret =
  | (Placed & { readonly kind: 'file'; readonly content: Secret })
  | (Placed & { readonly kind: 'agent'; readonly socket: string })
  | { readonly kind: 'env'; readonly name: string; readonly value: Secret }

interface Placed {
  readonly target: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** One isolated command over a stack of layers: what a build's RUN needs of the runtime. */
export interface RunStep {
  /** Unique, `[a-z0-9]{12,64}`. */
  readonly id: string
  /** Bottom first. */
  readonly lowerDirs: readonly string[]
  /** Receives the step's changes in overlayfs form; owned by the caller, exists and is empty. */
  readonly upperDir: string
  /** Empty directory on the same file system. */
  readonly workDir: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** `user[:group]` by name or number, looked up in the root file system; '' is root. */
  readonly user: string
  readonly mounts: readonly Mount[]
  readonly secrets?: readonly StepSecret[]
  readonly network: StepNetwork
  /** Path of the control group that the step's is made in. */
  readonly group: string
  readonly hostname?: string
  /** `name:address`; the address may be `host-gateway`. */
  readonly extraHosts?: readonly string[]
  readonly limits?: ResourceLimits
  readonly rlimits?: readonly Rlimit[]
  /** Bytes of `/dev/shm`. */
  readonly shmSize?: number
  /** Aborting kills everything in the step and rejects with the signal's reason. */
  readonly signal: AbortSignal
  /** Returning a promise holds the output back. */
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> | void
}

/**
 * What one build has to itself for as long as it lasts: a control group with the limits of builds, and a network to fetch
 * from, which is that of its steps with all that is closed to them. Disposing ends what is left in it.
 */
export interface BuildSandbox extends AsyncDisposable, Outlet {
  /** Path of the control group; steps are below. */
  readonly group: string
  /** Bytes and processors that the build may take; Infinity is no limit. */
  readonly memory: number
  readonly cpus: number
  /** The words that run a program of the host in the group, on the network and with the names of the build. */
  around(words: readonly string[]): Promise<readonly [string, ...string[]]>
  /** Whether such a program was ended for want of memory. */
  fetchRanOut(): boolean
  /** The most memory that it was seen with, without caches of files, in bytes. */
  memoryTaken(): number
}

/** How a step ended. */
export interface StepEnd {
  readonly exitCode: number
  /** Whether something of it was ended for want of memory. */
  readonly oomKilled: boolean
  /** The most memory that it had, in bytes. */
  readonly peak: number
}

/** What the build room needs of the runtime room. */
export interface Steps {
  /** Opens what a build has to itself. @param network of its steps; `none` is no choice of where to fetch from */
  begin(network: StepNetwork): BuildSandbox
  /** Runs to the end; resolves with the exit code, whether memory ran out, and how much it had at most. Leaves nothing behind but `upperDir`. */
  run(step: RunStep): Promise<StepEnd>
}

/** What every room tells of what it did; `GET /events` replays and follows it. */
export interface Events {
  /** `type` and `action` are Docker's (`container` `die`); attributes are strings, as Docker's are. */
  emit(
    type: 'container' | 'image' | 'network' | 'volume' | 'builder',
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>>,
  ): void
}

/** A container's wish to be on a network. */
export interface EndpointSpec {
  /** Network id or name; `default` is `bridge`. */
  readonly network: string
  readonly aliases: readonly string[]
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly macAddress?: string
  /** More addresses of its interface, on no subnet of the network's. */
  readonly linkLocalIps?: readonly string[]
  /** Kept and shown again. */
  readonly driverOpts?: Readonly<Record<string, string>>
  /** `container[:alias]`: what this container alone calls others. */
  readonly links?: readonly string[]
}

/** A container's place on a network, as plumbed. */
export interface Endpoint {
  readonly networkId: string
  readonly networkName: string
  readonly endpointId: string
  readonly aliases: readonly string[]
  readonly links?: readonly string[]
  readonly ipAddress: string
  readonly prefixLength: number
  /** '' when it is no way out. */
  readonly gateway: string
  readonly ipv6Address?: string
  readonly ipv6PrefixLength?: number
  readonly ipv6Gateway?: string
  readonly linkLocalIps?: readonly string[]
  readonly macAddress: string
}

export interface PortRequest {
  readonly protocol: 'tcp' | 'udp'
  readonly containerPort: number
  /** '' is every address. */
  readonly hostIp: string
  /** 0 is any free port. */
  readonly hostPort: number
  /** The last of a range that begins at `hostPort`: any free one of it. */
  readonly hostPortEnd?: number
}

/** A running container as the networks see it. */
export interface NetworkMember {
  /** Of the container. */
  readonly id: string
  /** Its first process: where its network namespace is found. */
  readonly pid: number
  /** What it is called on every network it joins, its own name first. */
  readonly names: readonly string[]
  /** The name servers it was given; none: the host's. */
  readonly servers: readonly string[]
}

/** What the container room needs of the network room. Bridge networks only: host, none and container: need no plumbing. */
export interface Networks {
  /** True when the network exists. @throws EngineError `missing` "network x not found" */
  check(network: string): Promise<{ id: string; name: string; driver: 'bridge' | 'host' | 'null' }>
  /**
   * Reserves addresses, makes the veth and plumbs it into the container's network namespace, default route and all. From
   * its first network other than the default one on, it has a name server at 127.0.0.11.
   */
  connect(member: NetworkMember, spec: EndpointSpec): Promise<Endpoint>
  /** Gives a container other names, at once. Does nothing when it is on no network. */
  rename(containerId: string, names: readonly string[]): void
  /**
   * Publishes ports on the endpoint that is the container's way out; answers with what was bound.
   * @throws EngineError `conflict` "port is already allocated"
   */
  publish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]>
  /** After its networks changed: publishes where it goes out now, unless its ports are there already. Answers as `publish`. */
  republish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]>
  disconnect(containerId: string, networkId: string): Promise<void>
  /**
   * Forgets everything of a container that has ended: endpoints, names, published ports. Its veths and addresses are free
   * a moment later. Safe to repeat.
   */
  release(containerId: string): Promise<void>
  /** After a restart of the daemon: endpoints, names and ports of these containers live on, all others are swept. */
  restore(
    containers: readonly { member: NetworkMember; endpoints: readonly Endpoint[]; ports: readonly PortRequest[] }[],
  ): Promise<void>
}

export interface VolumeInfo {
  readonly name: string
  readonly driver: 'local'
  readonly mountpoint: string
  readonly createdAt: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly anonymous: boolean
}

/** What a volume that is not there yet is to be. */
export interface VolumeRequest {
  /** '' is `local`, and there is no other. */
  readonly driver?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Of the local driver: `type`, `device` and `o`, as mount(8) takes them; or `size`. */
  readonly options?: Readonly<Record<string, string>>
  /** Nobody gave it its name. */
  readonly anonymous?: boolean
}

/** Fills the directory that `into` makes for it. What has nothing to put there does not ask for one. */
export type VolumeFiller = (into: () => Promise<string>) => Promise<void>

/** What the container room needs of the volume room. */
export interface Volumes {
  get(name: string): Promise<VolumeInfo>
  /** Where the content of a volume is, or will be. */
  place(name: string): string
  /** Makes the volume unless it is there. `name` '' makes an anonymous one. @throws EngineError `invalid`, `missing` */
  ensure(name: string, request?: VolumeRequest): Promise<VolumeInfo>
  /**
   * Has `copy` fill the volume, if it is empty: all of that appears in the volume at once, and is on the disk when this
   * resolves. @throws what `copy` throws, and then the volume is as it was
   */
  fill(name: string, holder: string, copy: VolumeFiller): Promise<void>
  /** @throws EngineError `missing`, `conflict` when a container has it */
  remove(name: string, force: boolean): Promise<void>
  /** Before `holder` uses it: what a volume with options stands for is mounted for the first. @throws EngineError `broken` */
  hold(name: string, holder: string): Promise<void>
  /** `holder` is done with all it held: what the last one held is unmounted. Safe to repeat. */
  letGo(holder: string): Promise<void>
}

/** What the image, network and volume rooms ask of the container room before they remove something. */
export interface Usage {
  /** Ids of containers made from an image. */
  ofImage(image: Digest): readonly string[]
  /** Whether a container runs; absent where no container can. */
  isRunning?(container: string): boolean
  /** Ids and names of containers on a network. */
  ofNetwork(networkId: string): readonly { id: string; name: string; endpoint: Endpoint }[]
  ofVolume(name: string): readonly string[]
}
