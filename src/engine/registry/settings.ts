import { hubDomain, hubIndex } from '../images/reference.js'

/** How the engine deals with registries: the daemon's own configuration. */
export interface RegistrySettings {
  /** Base URLs asked before Docker Hub for its images. */
  readonly mirrors: readonly string[]
  /** `host`, `host:port` or CIDR of registries that may speak HTTP or have no known certificate. Loopback always may. */
  readonly insecure: readonly string[]
  /** `<dir>/<host:port>/*.crt` are authorities to trust, `*.cert` and `*.key` what to show of oneself. */
  readonly certificates: string
}

/** Docker Hub: what a name without a host means, as every Docker client has it built in. Its index answers for all of it. */
export const hub = {
  domain: hubDomain,
  registry: `https://${hubIndex}`,
} as const

export const defaultSettings: RegistrySettings = {
  mirrors: [],
  insecure: [],
  certificates: '/etc/docker/certs.d',
}
