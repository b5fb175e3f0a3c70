import { expect } from 'chai'
import { BerthError } from '../../src/errors.js'
import { discover } from '../../src/sso/discovery.js'
import { lyingIssuer, type Liar, type Lies } from './liar.js'
import { oidcProvider } from './provider.js'

const walls = { trusted: ['127.0.0.1'], limit: 500 }
const said = async (issuer: string, within = walls): Promise<string> =>
  discover(issuer, within).then(
    () => 'fine',
    (error: unknown) => (error instanceof BerthError ? `${error.fault}: ${error.message}` : String(error)),
  )

describe('what an issuer says of itself', () => {
  let liar: Liar
  before(async () => {
    liar = await lyingIssuer()
  })
  after(() => liar[Symbol.asyncDispose]())
  beforeEach(() => {
    liar.lies = {}
    liar.asked.length = 0
  })

  it('is taken from a real one', async () => {
    await using idp = await oidcProvider(['blog.test'])
    expect(await said(idp.issuer)).to.equal('fine')
  })

  it('is asked of nobody whose address is private, unless the administrator names it, nor by plain HTTP', async () => {
    const none = { trusted: [], limit: 500 }
    expect(await said(liar.issuer, none)).to.match(/^invalid: http:\/\/127\.0\.0\.1:\d+ is not https/)
    for (const host of [`127.0.0.1:${String(liar.port)}`, 'localhost', '10.0.0.1', '[::1]', '169.254.169.254'])
      expect(await said(`https://${host}`, none)).to.match(/^denied: .* has a private address/)
    expect(liar.asked).to.have.length(0)
    expect(await said(liar.issuer, { ...none, trusted: [`127.0.0.1:${String(liar.port)}`] })).to.equal('fine')
    expect(await said(liar.issuer, { ...none, trusted: ['127.0.0.1:1'] })).to.match(/^invalid/)
  })

  const lies: readonly [lie: Lies, answer: RegExp][] = [
    [{ metadata: { issuer: 'https://else.example.com' } }, /^invalid: .* calls itself "https:\/\/else.example.com"/],
    [{ metadata: { issuer: undefined } }, /calls itself null/],
    [{ metadata: { response_types_supported: ['id_token'] } }, /does not give codes/],
    [{ metadata: { response_types_supported: undefined } }, /does not give codes/],
    [{ metadata: { code_challenge_methods_supported: ['plain'] } }, /no challenges of S256/],
    [{ metadata: { id_token_signing_alg_values_supported: ['HS256', 'none'] } }, /signs with nothing/],
    [{ metadata: { token_endpoint: undefined } }, /names no token_endpoint/],
    [{ metadata: { token_endpoint: 'http://login.example.com/token' } }, /names no token_endpoint that is https/],
    [{ metadata: { authorization_endpoint: 'javascript:alert(1)' } }, /names no authorization_endpoint/],
    [{ metadata: { jwks_uri: 'file:///etc/passwd' } }, /names no jwks_uri/],
    [{ metadata: { userinfo_endpoint: 'http://else.example.com' } }, /userinfo_endpoint that is not https/],
  ]
  for (const [lie, answer] of lies)
    it(`is refused: ${JSON.stringify(lie.metadata)}`, async () => {
      liar.lies = lie
      expect(await said(liar.issuer)).to.match(answer)
    })

  const at = '/.well-known/openid-configuration'
  const answers: readonly [name: string, answer: NonNullable<Lies['instead']>[string], said: RegExp][] = [
    ['none', () => undefined, /^unavailable: .* does not answer in time/],
    ['404', (_, response) => void response.writeHead(404).end(), /^invalid: .* answers 404/],
    [
      'a redirect',
      (_, response) => void response.writeHead(302, { location: '/jwks' }).end(),
      /^invalid: .* answers 302/,
    ],
    ['500', (_, response) => void response.writeHead(500).end(), /^unavailable: .* answers 500/],
    ['a page', (_, response) => void response.end('<html>'), /^invalid: .* does not answer with JSON/],
    ['null', (_, response) => void response.end('null'), /^invalid: .* does not answer with JSON/],
    ['10 MB', (_, response) => void response.end('x'.repeat(10_485_760)), /^unavailable: .* its answer is too long/],
    ['an end', (request) => void request.socket.destroy(), /^unavailable: .* cannot be asked/],
  ]
  for (const [name, instead, answer] of answers)
    it(`is no more than an error where the answer is ${name}`, async () => {
      liar.lies = { instead: { [at]: instead } }
      expect(await said(liar.issuer)).to.match(answer)
      expect(liar.asked).to.deep.equal([at])
    })

  it('is not known of a host that there is not', async () => {
    expect(await said('https://no-such-host.invalid')).to.match(
      /^unavailable: .* (?:is not found|does not answer in time)/,
    )
  })
})
