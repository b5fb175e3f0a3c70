import type { RegistrySettings } from '../config.js'
import { hubDomain, hubIndex } from '../oci/reference.js'
import { masked, noProxies } from './proxy.js'

/** Docker Hub: what a name without a host means, as every Docker client has it built in. Its index answers for all of it. */
export const hub = {
  domain: hubDomain,
  registry: `https://${hubIndex}`,
} as const

export const defaultSettings: RegistrySettings = {
  mirrors: [],
  insecure: [],
  certificates: '/etc/docker/certs.d',
  proxies: noProxies,
}

/** Registries at these addresses need no certificate. */
export const loopback = ['127.0.0.0/8', '::1/128'] as const

/** What `GET /info` says of registries and the way to them. */
export function describeSettings({ mirrors, insecure, proxies }: RegistrySettings): object {
  const index = (name: string, official: boolean) => ({
    Name: name,
    Mirrors: official ? slashed : [],
    Secure: official,
    Official: official,
  })
  const slashed = mirrors.map((mirror) => `${mirror.replace(/\/+$/, '')}/`)
  const hosts = insecure.filter((one) => !one.includes('/'))
  return {
    IndexServerAddress: `${hub.registry}/v1/`,
    RegistryConfig: {
      AllowNondistributableArtifactsCIDRs: null,
      AllowNondistributableArtifactsHostnames: null,
      InsecureRegistryCIDRs: [...loopback, ...insecure.filter((one) => one.includes('/'))],
      IndexConfigs: Object.fromEntries(
        [index(hub.domain, true), ...hosts.map((host) => index(host, false))].map((one) => [one.Name, one]),
      ),
      Mirrors: slashed,
    },
    HttpProxy: masked(proxies.http),
    HttpsProxy: masked(proxies.https),
    NoProxy: proxies.no,
  }
}
