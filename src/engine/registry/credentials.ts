import { decode, fieldsOfShape } from '../system/shape.js'
import { domainOfAddress } from './endpoints.js'

/** What a client gave to authorize itself with. */
export interface RegistryCredentials {
  readonly username: string
  readonly password: string
  /** A refresh token, in place of the password. */
  readonly identityToken: string
  /** A bearer token, used as it is. */
  readonly registryToken: string
}

const authConfig = fieldsOfShape('a string', 'username password auth identitytoken registrytoken')
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Reads an AuthConfig of the Docker API; undefined when there is nothing in it. */
export function readRegistryCredentials(value: unknown): RegistryCredentials | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields = decode(value, authConfig) as Readonly<Record<string, unknown>>
  const pair = Buffer.from(text(fields.auth), 'base64').toString()
  const colon = pair.indexOf(':')
  const found = {
    username: text(fields.username) || pair.slice(0, Math.max(colon, 0)),
    password: text(fields.password) || (colon < 0 ? '' : pair.slice(colon + 1)),
    identityToken: text(fields.identitytoken),
    registryToken: text(fields.registrytoken),
  }
  return Object.values(found).some((one) => one !== '') ? found : undefined
}

/** Reads `X-Registry-Auth`, base64url of an AuthConfig; as in dockerd, one that cannot be read is none. */
export function credentialsOfHeader(header: string | string[] | undefined): RegistryCredentials | undefined {
  try {
    return readRegistryCredentials(JSON.parse(Buffer.from(String(header ?? ''), 'base64url').toString()))
  } catch {
    return undefined
  }
}

/** What a client has for each registry, by the host or the URL it logged in at. */
export type Keyring = (domain: string) => RegistryCredentials | undefined

/** Reads `X-Registry-Config`, base64url of a map of AuthConfigs: a build's. One that cannot be read is empty, as in dockerd. */
export function keyringOfHeader(header: string | undefined): Keyring {
  const found = new Map<string, RegistryCredentials>()
  try {
    const map = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()) as unknown
    for (const [address, value] of Object.entries(Object(map) as Record<string, unknown>)) {
      const credentials = readRegistryCredentials(value)
      if (credentials) found.set(domainOfAddress(address), credentials)
    }
  } catch {
    // nothing was given
  }
  return (domain) => found.get(domain)
}

/** One way that a registry wants to be authorized. */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Reads `WWW-Authenticate`, RFC 9110 section 11.6.1; what does not follow the grammar ends the reading. */
export function readChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  const token = /[\s,]*(?:([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([\w!#$%&'*+.^`|~-]+))/y
  for (const text = header.slice(0, 8192); ;) {
    const match = token.exec(text)
    if (!match) return found
    const [, name, quoted, plain, scheme] = match
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: {} })
    else if (name !== undefined) {
      const last = found.at(-1)
      if (last) last.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''
    }
  }
}
