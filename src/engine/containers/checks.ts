import { EngineError, messageOf } from '../errors.js'
import { type Platform, showPlatform } from '../oci/manifest.js'
import type { Healthcheck, Image } from '../records.js'
import { capabilitiesOf } from '../runtime/capabilities.js'
import { runtimesOf } from '../runtime/driver.js'
import type { ContainerDeps } from './container.js'
import { deviceRulesOf } from './devices.js'
import { checkLimits, rlimitsOf } from './limits.js'
import { checkLogging } from './log-details.js'
import { logLimits } from './log-files.js'
import { checkNamespaces, rangeNameOf, refuseDenied } from './namespaces.js'
import { portsOf } from './network-request.js'
import type { ContainerConfig, HostConfig, MountRequest } from './record.js'
import { runSpecOf } from './run-spec.js'
import { securityOf } from './security.js'
import { signalNumber } from './signals.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** Refuses what could not be started, before anything of it is made. @throws EngineError `invalid`, `missing` */
export function checkRequest(
  deps: Pick<ContainerDeps, 'find' | 'driver' | 'config'>,
  config: ContainerConfig,
  host: HostConfig,
): void {
  const run = runSpecOf(host)
  if (config.StopSignal !== undefined) signalNumber(config.StopSignal)
  checkHealth(config.Healthcheck)
  const nameless = config.Env.find((entry) => entry === '' || entry.startsWith('='))
  if (nameless !== undefined) throw invalid(`invalid environment variable: ${nameless}`)
  refuseDenied(deps.config, run)
  rangeNameOf(run)
  checkLimits(run)
  checkNamespaces(deps, run, config.Hostname)
  checkLogging(host)
  logLimits(host)
  securityOf(run)
  capabilitiesOf(run.capAdd, run.capDrop, run.privileged)
  rlimitsOf(run)
  deviceRulesOf(run)
  portsOf(host, config.ExposedPorts)
  if (!runtimesOf(deps.driver).has(host.Runtime)) throw invalid(`unknown or invalid runtime name: ${host.Runtime}`)
  if (!['', 'default'].includes(run.isolation.toLowerCase()))
    throw invalid(`Invalid isolation: "${run.isolation}" - linux only supports 'default'`)
  if (Object.keys(run.storageOptions).length > 0)
    throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
  for (const { Type, Target } of (host.Mounts ?? []) as readonly Partial<MountRequest>[])
    if (!Target) throw invalid(`invalid mount config for type "${Type ?? ''}": field Target must not be empty`)
  for (const link of run.links) checkLink(deps, link)
  for (const entry of run.extraHosts)
    if (!/^[^:=]+[:=].+$/.test(entry)) throw invalid(`bad format for add-host: "${entry}"`)
}

function checkLink(deps: Pick<ContainerDeps, 'find'>, link: string): void {
  const [name = ''] = link.split(':')
  try {
    deps.find(name)
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

/** @param platform undefined is any. @throws EngineError `missing`: clients pull, then */
export function checkPlatform(platform: Platform | undefined, reference: string, image: Image): void {
  if (!platform || (platform.os === image.os && platform.architecture === image.architecture)) return
  throw new EngineError(
    'missing',
    `image with reference ${reference} was found but does not match the specified platform: wanted ${showPlatform(platform)}, ` +
      `actual: ${image.os}/${image.architecture}`,
  )
}
