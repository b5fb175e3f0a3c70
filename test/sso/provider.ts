import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider, type Configuration } from 'oidc-provider'

/** A real OpenID provider on loopback, where everybody is who the test says, without a form. */
export interface TestProvider extends AsyncDisposable {
  readonly issuer: string
  readonly port: number
  /** Who signs in next, and what is said of them. */
  person: { readonly sub: string; readonly claims: Readonly<Record<string, unknown>> } | null
  /** Requests for tokens so far. */
  readonly tokens: () => number
  /** Takes it off the network, and puts it back. */
  away(): Promise<void>
  back(): Promise<void>
}

export const clientId = 'berth-test'
export const clientSecret = 'a-secret-that-nobody-guesses'

const configurationFor = (redirectUris: readonly string[], who: () => TestProvider['person']): Configuration => ({
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [...redirectUris],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name'],
    groups: ['groups'],
    team: ['team'],
  },
  conformIdTokenClaims: true,
  cookies: { keys: ['of-the-test'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...who()?.claims }) }),
  renderError: (ctx, out) => {
    ctx.type = 'json'
    ctx.body = out
  },
})

/** Signs in whoever it is, and consents to all. */
async function interact(
  provider: Provider,
  person: TestProvider['person'],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { params, grantId, prompt } = await provider.interactionDetails(request, response)
  if (!person) {
    await provider.interactionFinished(request, response, { error: 'access_denied' })
    return
  }
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: person.sub } })
    return
  }
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = known ?? new provider.Grant({ accountId: person.sub, clientId: params.client_id as string })
  grant.addOIDCScope(params.scope as string)
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

/** Starts one. @param hosts hostnames of apps whose gates people come from, `blog.test` or `blog.test/api` */
export async function oidcProvider(hosts: readonly string[], redirectUris?: readonly string[]): Promise<TestProvider> {
  let server: Server = createServer()
  const listen = async (at: number): Promise<void> => {
    server.listen(at, '127.0.0.1')
    await once(server, 'listening')
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${String(port)}`
  const all = redirectUris ?? hosts.map((host) => `http://${host}/.berth/sso/callback`)
  const provider = new Provider(
    issuer,
    configurationFor(all, () => rig.person),
  )
  let tokens = 0
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/token') tokens += 1
    const asked = request.url?.startsWith('/interaction/') ?? false
    if (asked) void interact(provider, rig.person, request, response)
    else void provider.callback()(request, response)
  }
  server.on('request', serve)
  const rig: TestProvider = {
    issuer,
    port,
    person: { sub: 'ann', claims: { email: 'ann@example.com', email_verified: true, name: 'Ann' } },
    tokens: () => tokens,
    away: close,
    back: async () => {
      server = createServer(serve)
      await listen(port)
    },
    [Symbol.asyncDispose]: close,
  }
  return rig
}
