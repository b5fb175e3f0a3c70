import { EngineError } from '../errors.js'
import type { NetworkRecord } from './record.js'

/** Options of the bridge driver, as Docker names them; those not known here are kept and do nothing, as with Docker. */
export const option = {
  bridgeName: 'com.docker.network.bridge.name',
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  memberTraffic: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
} as const

type Options = Readonly<Record<string, string>>

/** In dockerd's words, which are Go's. */
const notParsed = (name: string, text: string, by: string): EngineError =>
  new EngineError(
    'invalid',
    `failed to parse ${name} value: ${text} (strconv.${by}: parsing "${text}": invalid syntax)`,
  )

/** strconv.ParseBool of Go. */
function flagOf(options: Options, name: string, absent: boolean): boolean {
  const text = options[name]
  if (text === undefined || text === '') return absent
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false
  throw notParsed(name, text, 'ParseBool')
}

function nameOf(options: Options, name: string, pattern: RegExp): string | undefined {
  const text = options[name]
  if (text === undefined || text === '') return undefined
  if (!pattern.test(text)) throw new EngineError('invalid', `invalid ${name}: ${JSON.stringify(text)}`)
  return text
}

function mtuOf(options: Options): number {
  const text = options[option.mtu]
  if (text === undefined) return 1500
  const mtu = Number(text)
  if (!/^\d+$/.test(text)) throw notParsed(option.mtu, text, 'Atoi')
  if (mtu < 68 || mtu > 65535) throw new EngineError('invalid', `invalid MTU number: ${text}`)
  return mtu
}

/** What a network's options come to. @throws EngineError `invalid` */
export const settingsOf = (options: Options) => ({
  /** IFNAMSIZ, and nothing that a ruleset could not quote. */
  bridgeName: nameOf(options, option.bridgeName, /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/),
  /** Members may talk to each other. */
  memberTraffic: flagOf(options, option.memberTraffic, true),
  /** Members go out by the host's address. */
  masquerade: flagOf(options, option.masquerade, true),
  /** Where ports are published that name no address; '' is every one. */
  hostAddress: (nameOf(options, option.hostAddress, /^\d+\.\d+\.\d+\.\d+$/) ?? '').replace(/^0\.0\.0\.0$/, ''),
  mtu: mtuOf(options),
  interfacePrefix: nameOf(options, option.interfacePrefix, /^[a-z][a-z0-9_-]{0,9}$/) ?? 'eth',
})

/** The network every container joins that names none: Docker's `bridge`. Its members have no names. */
export const isDefaultBridge = (network: Pick<NetworkRecord, 'name'>): boolean => network.name === 'bridge'
