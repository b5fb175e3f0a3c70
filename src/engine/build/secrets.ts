import { isAbsolute } from 'node:path'
import { EngineError } from '../errors.js'
import { Secret } from '../system/secret.js'

/** Names of secrets, which are names of files too. */
const name = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

const decode = (header: string, text: string): Record<string, string> => {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value as Record<string, unknown>)
      if (entries.every(([id, one]) => typeof one === 'string' && name.test(id))) return value as Record<string, string>
    }
  } catch {
    // told below, without the text: it may be a secret
  }
  throw new EngineError('invalid', `invalid ${header} header: not base64url of a JSON object of strings by id`)
}

/** Reads `X-Build-Secrets`: base64url of `{"<id>": "<base64 of the value>"}`. @throws EngineError `invalid` */
export function readSecrets(text: string | undefined): ReadonlyMap<string, Secret> {
  if (text === undefined || text === '') return new Map()
  const given = Object.entries(decode('X-Build-Secrets', text))
  return new Map(given.map(([id, value]) => [id, new Secret(Buffer.from(value, 'base64'))]))
}

/** Reads `X-Build-Env`: base64url of `{"<name>": "<value>"}`. @throws EngineError `invalid` */
export function readVariables(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined || text === '') return new Map()
  const given = Object.entries(decode('X-Build-Env', text))
  if (given.some(([, value]) => value.includes('\0')))
    throw new EngineError('invalid', 'invalid X-Build-Env header: a value holds a NUL')
  return new Map(given)
}

/** Reads `X-Build-Env-Early`: names and beginnings, between commas; without it every step sees every variable. */
export const readEarly = (text: string | undefined): readonly string[] => (text === undefined ? ['*'] : listOf(text))

/** What a header has between commas; nothing where there is none. */
export const listOf = (text = ''): string[] => text.split(',').map((one) => one.trim())

/** Reads `X-Build-Ssh`: base64url of `{"<id>": "/path/of/agent.sock"}`. @throws EngineError `invalid` */
export function readAgents(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined || text === '') return new Map()
  const given = Object.entries(decode('X-Build-Ssh', text))
  if (given.some(([, path]) => !isAbsolute(path) || path.includes('\0')))
    throw new EngineError('invalid', 'invalid X-Build-Ssh header: a socket is named by its absolute path')
  return new Map(given)
}
