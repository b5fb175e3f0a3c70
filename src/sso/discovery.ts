import { BerthError } from '../errors.js'
import { askServer, isTrusted, type AskWalls } from '../lib/ask.js'

/** What an issuer says of itself, as far as it counts here (OpenID Connect Discovery §3). */
export interface IssuerMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly jwks_uri: string
  readonly userinfo_endpoint?: string
  readonly token_endpoint_auth_methods_supported?: readonly string[]
  readonly id_token_signing_alg_values_supported?: readonly string[]
  readonly authorization_response_iss_parameter_supported?: boolean
}

const wrong = (issuer: string, why: string): BerthError =>
  new BerthError('invalid', `the issuer ${issuer} ${why}`, 'look at what it says at /.well-known/openid-configuration')

const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const wayTo = (issuer: string): URL => new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)

/**
 * Asks an issuer what it says of itself, and checks whether people can sign in there as they do here: by codes, with signed tokens.
 * @throws BerthError `invalid` saying what is wrong, `denied` for a private address, `unavailable` where there is no answer
 */
export async function discover(issuer: string, walls: AskWalls): Promise<IssuerMetadata> {
  const url = wayTo(issuer)
  const { status, body } = await askServer(walls, url, { method: 'GET', headers: { accept: 'application/json' } })
  if (status >= 500)
    throw new BerthError('unavailable', `the issuer at ${url.host} answers ${String(status)}`, 'try again')
  if (status !== 200) throw wrong(issuer, `answers ${String(status)} where it should say what it is`)
  return checked(parse(issuer, body), issuer, walls)
}

function parse(issuer: string, body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw wrong(issuer, 'does not answer with JSON')
}

function checked(said: Record<string, unknown>, issuer: string, walls: AskWalls): IssuerMetadata {
  if (said.issuer !== issuer)
    throw wrong(issuer, `calls itself ${JSON.stringify(said.issuer ?? null).slice(0, 200)}; name it exactly so`)
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'])
    if (!isEndpoint(said[name], walls)) throw wrong(issuer, `names no ${name} that is https`)
  if (said.userinfo_endpoint !== undefined && !isEndpoint(said.userinfo_endpoint, walls))
    throw wrong(issuer, 'names a userinfo_endpoint that is not https')
  const types = said.response_types_supported
  if (!isList(types) || !types.includes('code')) throw wrong(issuer, 'does not give codes (response type "code")')
  const challenges = said.code_challenge_methods_supported
  if (challenges !== undefined && !(isList(challenges) && challenges.includes('S256')))
    throw wrong(issuer, 'takes no challenges of S256 (PKCE)')
  const algorithms = said.id_token_signing_alg_values_supported
  if (algorithms !== undefined && !(isList(algorithms) && algorithms.some((one) => /^(?:RS|PS|ES|Ed)/.test(one))))
    throw wrong(issuer, 'signs with nothing that can be checked by a public key')
  return said as unknown as IssuerMetadata
}

function isEndpoint(value: unknown, walls: AskWalls): boolean {
  if (typeof value !== 'string' || value.length > 2_000 || !URL.canParse(value)) return false
  const url = new URL(value)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isTrusted(url, walls))
}
