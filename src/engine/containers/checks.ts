import { EngineError, messageOf } from '../errors.js'
import type { Healthcheck, Image } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { driverNamed } from '../runtime/driver.js'
import type { Shop } from './container.js'
import { deviceRulesOf } from './devices.js'
import { checkLimits, rlimitsOf } from './limits.js'
import { checkLogging } from './log-details.js'
import { logLimits } from './log-files.js'
import { checkNamespaces } from './namespaces.js'
import { portsOf } from './network-request.js'
import type { ContainerConfig, HostConfig, MountRequest } from './record.js'
import { securityOf } from './security.js'
import { signalNumber } from './signals.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)
const list = (host: HostConfig, name: string): readonly string[] => (host[name] ?? []) as readonly string[]

/** Refuses what could not be started, before anything of it is made. @throws EngineError `invalid`, `missing` */
export function checkRequest(shop: Pick<Shop, 'find' | 'driver'>, config: ContainerConfig, host: HostConfig): void {
  if (config.StopSignal !== undefined) signalNumber(config.StopSignal)
  checkHealth(config.Healthcheck)
  const nameless = config.Env.find((entry) => entry === '' || entry.startsWith('='))
  if (nameless !== undefined) throw invalid(`invalid environment variable: ${nameless}`)
  checkLimits(host)
  checkNamespaces(shop, host, config.Hostname)
  checkLogging(host)
  logLimits(host)
  securityOf(host)
  capabilitiesOf(list(host, 'CapAdd'), list(host, 'CapDrop'), host.Privileged === true)
  rlimitsOf(host)
  deviceRulesOf(host)
  portsOf(host, config.ExposedPorts)
  if (driverNamed(host.Runtime, shop.driver).name !== host.Runtime)
    throw invalid(`unknown or invalid runtime name: ${host.Runtime}`)
  const isolation = typeof host.Isolation === 'string' ? host.Isolation : ''
  if (!['', 'default'].includes(isolation.toLowerCase()))
    throw invalid(`Invalid isolation: "${isolation}" - linux only supports 'default'`)
  if (Object.keys(host.StorageOpt ?? {}).length > 0)
    throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
  for (const { Type, Target } of (host.Mounts ?? []) as readonly Partial<MountRequest>[])
    if (!Target) throw invalid(`invalid mount config for type "${Type ?? ''}": field Target must not be empty`)
  for (const link of list(host, 'Links')) checkLink(shop, link)
  for (const entry of list(host, 'ExtraHosts'))
    if (!/^[^:=]+[:=].+$/.test(entry)) throw invalid(`bad format for add-host: "${entry}"`)
}

function checkLink(shop: Pick<Shop, 'find'>, link: string): void {
  const [name = ''] = link.split(':')
  try {
    shop.find(name)
  } catch (error) {
    throw invalid(`could not get container for ${name}: ${messageOf(error)}`)
  }
}

const leastNs = 1_000_000

function checkHealth(check: Healthcheck | undefined): void {
  if (!check) return
  for (const name of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = check[name] ?? 0
    if (value !== 0 && value < leastNs) throw invalid(`${name} in Healthcheck cannot be less than 1ms`)
  }
  if ((check.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative')
}

/** @param platform `os[/architecture]`, '' is any. @throws EngineError `missing`: clients pull, then */
export function checkPlatform(platform: string, reference: string, image: Image): void {
  if (platform === '') return
  const [os, architecture] = platform.toLowerCase().split('/')
  const aliases: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' }
  if (os === image.os && [undefined, image.architecture].includes(aliases[architecture ?? ''] ?? architecture)) return
  throw new EngineError(
    'missing',
    `image with reference ${reference} was found but does not match the specified platform: wanted ${platform}, ` +
      `actual: ${image.os}/${image.architecture}`,
  )
}
