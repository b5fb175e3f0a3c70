import type { Configuration, CustomFetch } from 'openid-client'
import { BerthError } from '../errors.js'
import type { SsoRule } from '../sso-rule.js'
import { askServer, type AskWalls } from '../lib/ask.js'
import { discover, type IssuerMetadata } from './discovery.js'
import type { Claims } from './person.js'

/** ms for which what an issuer says of itself is good. */
const metadataAge = 3_600_000
/** ms before an issuer that was away is asked again. */
const pause = 5_000
/** Seconds that its clock may differ from ours. */
const clockTolerance = 30

/** What a sign-in under way is known by. */
export interface SignIn {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly redirectUri: string
}

/** Loaded when somebody signs in: apps without a gate do without it. */
const library = () => import('openid-client')
type Library = Awaited<ReturnType<typeof library>>

/** Sends people to an issuer, and asks it who comes back. */
export class Issuer {
  readonly #rule: SsoRule
  readonly #walls: AskWalls
  readonly #now: () => number
  #known: { readonly config: Configuration; readonly at: number } | undefined
  #asking: Promise<Configuration> | undefined
  #failed: { readonly error: unknown; readonly at: number } | undefined

  /** @param now ms of a clock that is never set back */
  constructor(rule: SsoRule, walls: AskWalls, now: () => number = () => performance.now()) {
    this.#rule = rule
    this.#walls = walls
    this.#now = now
  }

  /** Begins a sign-in. @returns where to send who signs in @throws BerthError `unavailable`, `invalid`, `denied` as `discover` */
  async begin(redirectUri: string): Promise<{ readonly url: URL; readonly signIn: SignIn }> {
    const config = await this.#config()
    const oidc = await library()
    const signIn = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      redirectUri,
    }
    const url = oidc.buildAuthorizationUrl(config, {
      ...{ redirect_uri: redirectUri, scope: this.#rule.scopes.join(' '), state: signIn.state, nonce: signIn.nonce },
      ...{ code_challenge: await oidc.calculatePKCECodeChallenge(signIn.verifier), code_challenge_method: 'S256' },
    })
    return { url, signIn }
  }

  /**
   * Ends a sign-in: changes the code for a token and checks that.
   * @param url that the issuer has sent somebody back to
   * @throws BerthError `unavailable` where it cannot be asked; anything else where it says what is not so
   */
  async finish(url: URL, { state, nonce, verifier }: SignIn): Promise<Claims> {
    const config = await this.#config()
    const oidc = await library()
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }
    try {
      const tokens = await oidc.authorizationCodeGrant(config, url, checks)
      const claims = tokens.claims()
      if (!claims) throw new Error('there is no ID token')
      return config.serverMetadata().userinfo_endpoint === undefined || this.#hasAll(claims)
        ? claims
        : { ...(await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)), ...claims }
    } catch (error) {
      throw causeOf(error) ?? error
    }
  }

  /** What the gate goes by may be at the userinfo endpoint alone (OpenID Connect Core §5.4). */
  #hasAll(claims: Claims): boolean {
    const { groupsClaim, claims: wanted = {} } = this.#rule
    return ['email', groupsClaim, ...Object.keys(wanted)].every((name) => Object.hasOwn(claims, name))
  }

  async #config(): Promise<Configuration> {
    const { at = -Infinity, config } = this.#known ?? {}
    if (config && this.#now() - at < metadataAge) return config
    if (this.#failed && this.#now() - this.#failed.at < pause) {
      if (config) return config
      throw this.#failed.error
    }
    this.#asking ??= this.#discover().finally(() => (this.#asking = undefined))
    // whoever was known goes on being so while it is away
    return this.#asking.catch((error: unknown) => {
      if (config) return config
      throw error
    })
  }

  async #discover(): Promise<Configuration> {
    try {
      const metadata = await discover(this.#rule.issuer, this.#walls)
      const config = configure(await library(), metadata, this.#rule, this.#walls)
      this.#known = { config, at: this.#now() }
      this.#failed = undefined
      return config
    } catch (error) {
      this.#failed = { error, at: this.#now() }
      throw error
    }
  }
}

function configure(oidc: Library, metadata: IssuerMetadata, rule: SsoRule, walls: AskWalls): Configuration {
  const { clientId, secret } = rule
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const shown = methods.includes('client_secret_basic') ? oidc.ClientSecretBasic : oidc.ClientSecretPost
  const authentication = secret === undefined ? oidc.None() : shown(secret)
  const server = { ...metadata } as ConstructorParameters<typeof oidc.Configuration>[0]
  const config = new oidc.Configuration(server, clientId, { [oidc.clockTolerance]: clockTolerance }, authentication)
  config[oidc.customFetch] = fetchWithin(walls)
  // TLS to the token endpoint would do (Core §3.1.3.7); a signature is believed whatever lies between
  oidc.enableNonRepudiationChecks(config)
  // what is https and what need not be is `askServer`'s to say
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out
  oidc.allowInsecureRequests(config)
  return config
}

const fetchWithin =
  (walls: AskWalls): CustomFetch =>
  async (url, { method, headers, body }) => {
    const text = body === undefined || body === null ? {} : { body: textOf(body) }
    const answer = await askServer(walls, new URL(url), { method, headers, ...text })
    if (answer.status >= 500)
      throw new BerthError('unavailable', `the issuer at ${new URL(url).host} answers ${String(answer.status)}`)
    const isEmpty = answer.status === 204 || answer.status === 304
    return new Response(isEmpty ? null : answer.body, {
      status: answer.status,
      headers: answer.headers.map(([name, value]) => [name, value] as [string, string]),
    })
  }

function textOf(body: unknown): string {
  if (typeof body === 'string') return body
  if (body instanceof URLSearchParams) return body.toString()
  throw new TypeError('what is sent to an issuer is a form')
}

/** The library wraps what its fetch has thrown. */
function causeOf(error: unknown): BerthError | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof BerthError) return at
  return undefined
}
