import type { PortRequest } from './records.js'
import type { Outlet } from './system/dial.js'

/** Where one engine lives. Every path and kernel name follows from here, so that several can run side by side. */
export interface EngineConfig {
  /** Instance name, `[a-z][a-z0-9-]*`: nft table `berth_<name>`, cgroup `/berth-<name>`. */
  readonly name: string
  /** Durable state: images, containers, networks, volumes, build cache. */
  readonly root: string
  /** Volatile state: pid files, runtime state, exit files; gone after a reboot. */
  readonly run: string
  /** Docker Engine API socket, mode 0660. */
  readonly socket: string
  /** Bootstrapped base image archives; may be shared by several engines. */
  readonly cache: string
  /** IPv4 /16 that networks are cut from, `10.87.0.0/16`. */
  readonly pool: string
  /** Variables RUN steps see; never in the image, its history or a cache key (proxies, mirrors). */
  readonly buildEnv: Readonly<Record<string, string>>
  /** How registries are reached; absent is Docker's defaults. */
  readonly registry?: RegistrySettings
  /** Four hex digits of the name's hash: bridges are `bt<hash><id>`, veths `bv<hash><id>`, within IFNAMSIZ. */
  readonly prefix: string
  readonly build?: BuildConfig
  /** Host ids that containers' ids become; absent is the default. */
  readonly ids?: IdSpan
  /** Bytes of its disk that no container or build may take; 0 is none, absent the default: 512 MiB, or a tenth of a small one. */
  readonly diskReserve?: number
  /** What of this machine builds and an owner's containers reach; absent is nothing. */
  readonly reach?: Reach
  /** What no client may ask for. */
  readonly deny?: DenyConfig
}

/** What its owner refuses, to whoever asks. */
export interface DenyConfig {
  /** The host's user namespace: `--userns=host`, and `--privileged`, which takes it. */
  readonly hostUserns?: boolean
  readonly privileged?: boolean
}

/** What its owner says of builds; absent is the default. */
export interface BuildConfig {
  /** Bytes that the build cache may hold beyond what images have; 10 GiB. */
  readonly cacheBytes?: number
  /** Milliseconds that a build may take; half an hour. */
  readonly deadlineMs?: number
  /** Bytes that one build may take, 0 for no limit; half of the memory. */
  readonly memoryBytes?: number
  /** Processes that one build may have, 0 for no limit; 4096. */
  readonly pids?: number
  /** Processors that one build may take, fractions too, 0 for no limit; all. */
  readonly cpus?: number
  /** Whether local clients may lend builds an ssh agent by the path of its socket; they may not. */
  readonly ssh?: boolean
}

/** What of this machine the members of closed networks reach: builds, and containers of an owner's (an app's). */
export interface Reach {
  /** All that listens on the host's addresses, and all published ports. */
  readonly host: boolean
  /** Single ports of these. */
  readonly ports: readonly Pick<PortRequest, 'protocol' | 'hostPort'>[]
  /** Link-local addresses, where clouds keep what they tell a machine of itself, its credentials included. */
  readonly linkLocal: boolean
}

/** How the engine deals with registries: the daemon's own configuration. */
export interface RegistrySettings {
  /** Base URLs asked before Docker Hub for its images. */
  readonly mirrors: readonly string[]
  /** `host`, `host:port` or CIDR of registries that may speak HTTP or have no known certificate. Loopback always may. */
  readonly insecure: readonly string[]
  /** `<dir>/<host:port>/*.crt` are authorities to trust, `*.cert` and `*.key` what to show of oneself. */
  readonly certificates: string
  readonly proxies: Proxies
  /** How connections are made that no proxy makes; absent: from the host. */
  readonly outlet?: Outlet
}

/** The ways out that a daemon's environment names; '' is none. */
export interface Proxies {
  /** For `http:` URLs. */
  readonly http: string
  /** For `https:` URLs. */
  readonly https: string
  /** Hosts, domains, addresses and CIDRs that are reached without, by commas; `*` is all. */
  readonly no: string
}

/** Host ids that containers may be given, as subuid(5) writes them. */
export interface IdSpan {
  readonly first: number
  readonly count: number
}
