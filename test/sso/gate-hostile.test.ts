import { expect } from 'chai'
import { lyingIssuer, type Liar, type Lies } from './liar.js'
import { oidcProvider, type TestProvider } from './provider.js'
import { ssoRig, type SsoRig } from './gate-rig.js'

const now = () => Math.floor(Date.now() / 1000)

describe('a sign-in that somebody means ill with', function () {
  this.timeout(60_000)
  let liar: Liar
  let idp: TestProvider
  let rig: SsoRig
  before(async () => {
    liar = await lyingIssuer()
    idp = await oidcProvider(['blog.test'])
  })
  after(async () => {
    await liar[Symbol.asyncDispose]()
    await idp[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    liar.lies = {}
    rig = await ssoRig(liar.issuer, { limit: 1_500 })
    rig.gate(rig.rule({ scopes: ['openid'] }))
  })
  afterEach(() => rig[Symbol.asyncDispose]())
  const honest = () => rig.gate(rig.rule({ issuer: idp.issuer, id: 'gate-of-the-blog-9' }))

  it('is none where the issuer says what is so', async () => {
    expect((await rig.browser().open('http://blog.test/')).body).to.equal('hello ann at /')
  })

  const tokens: readonly [name: string, lies: Lies][] = [
    ['another nonce', { claims: { nonce: 'of-another' } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['another issuer', { claims: { iss: 'https://else.example.com' } }],
    ['another audience', { claims: { aud: 'another-client' } }],
    ['more audiences and another party', { claims: { aud: ['berth-test', 'another'], azp: 'another' } }],
    ['a time that is over', { claims: { exp: now() - 60, iat: now() - 120 } }],
    ['no time', { claims: { exp: undefined } }],
    ['a time that is far off', { claims: { nbf: now() + 3_600 } }],
    ['nobody', { claims: { sub: undefined } }],
    ['a line break in a name', { claims: { sub: 'ann\r\nx-admin: 1' } }],
    ['no signature', { header: { alg: 'none' }, signature: 'none' }],
    ['no signature under an algorithm', { signature: 'none' }],
    ['the signature of another key', { signature: 'another-key' }],
    ['a signature that is garbled', { signature: 'garbled' }],
    ['a signature by its public key as a secret', { header: { alg: 'HS256' }, signature: 'hmac' }],
    ['a header that must be understood', { header: { crit: ['x'], x: 1 } }],
    ['another state', { back: { state: 'of-another' } }],
    ['another issuer on the way back', { back: { iss: 'https://else.example.com' } }],
    [
      'no issuer on the way back, as it had promised',
      { metadata: { authorization_response_iss_parameter_supported: true } },
    ],
    ['an error beside the code', { back: { error: 'access_denied' } }],
  ]
  for (const [name, lies] of tokens)
    it(`lets nobody in by ${name}`, async () => {
      liar.lies = lies
      const ann = rig.browser()
      const page = await ann.open('http://blog.test/')
      expect(page.status).to.be.oneOf([400, 403])
      expect(page.body).to.not.include('the-code')
      expect(rig.seen).to.have.length(0)
      expect((await ann.ask('http://blog.test/', { accept: '*/*' })).status).to.equal(401)
    })

  it('lets in whoever has a clock that is half a minute off', async () => {
    liar.lies = { claims: { iat: now() + 20, nbf: now() + 20, exp: now() + 60 } }
    expect((await rig.browser().open('http://blog.test/')).status).to.equal(200)
  })

  const answers: readonly [name: string, at: string, answer: NonNullable<Lies['instead']>[string]][] = [
    ['says nothing', '/.well-known/openid-configuration', () => undefined],
    ['says nothing of tokens', '/token', () => undefined],
    ['says nothing of keys', '/jwks', () => undefined],
    ['never ends', '/token', (_, response) => void response.write('{')],
    ['hangs up', '/token', (request) => void request.socket.destroy()],
    ['has no end of it', '/token', (_, response) => void response.end(`{"a":"${'x'.repeat(10_485_760)}"}`)],
    ['has no end of keys', '/jwks', (_, response) => void response.end('x'.repeat(10_485_760))],
    [
      'has no end of what it says of itself',
      '/.well-known/openid-configuration',
      (_, r) => void r.end('x'.repeat(10_485_760)),
    ],
    ['answers 500', '/token', (_, response) => void response.writeHead(500).end()],
    ['sends on', '/.well-known/openid-configuration', (_, r) => void r.writeHead(302, { location: '/jwks' }).end()],
    [
      'sends tokens on to a private address',
      '/token',
      (_, r) => void r.writeHead(307, { location: 'http://127.0.0.2:1/' }).end(),
    ],
    ['answers with what is no JSON', '/.well-known/openid-configuration', (_, response) => void response.end('<html>')],
    [
      'answers with what is no token',
      '/token',
      (_, r) => void r.setHeader('content-type', 'application/json').end('[]'),
    ],
  ]
  for (const [name, at, answer] of answers)
    it(`is over soon, with a page that says so, where the issuer ${name}`, async () => {
      liar.lies = { instead: { [at]: answer } }
      const began = performance.now()
      const page = await rig.browser().open('http://blog.test/')
      expect(page.status).to.be.oneOf([400, 503])
      expect(page.headers['x-berth-error']).to.be.oneOf(['issuer-away', 'sign-in-failed'])
      expect(performance.now() - began).to.be.lessThan(15_000)
      expect(rig.seen).to.have.length(0)
    })

  for (const endpoint of ['token_endpoint', 'jwks_uri', 'userinfo_endpoint'])
    it(`asks no private address for an issuer that names one as its ${endpoint}`, async () => {
      liar.lies = { metadata: { [endpoint]: 'https://10.0.0.1/x' } }
      const page = await rig.browser().open('http://blog.test/')
      expect([page.status, rig.seen.length]).to.deep.equal([503, 0])
    })

  it('comes to nothing without the browser that it was begun in, and twice', async () => {
    honest()
    const [eve, ann] = [rig.browser(), rig.browser()]
    idp.person = { sub: 'eve', claims: {} }
    const { headers } = await eve.open('http://blog.test/', /sso\/callback\?/)
    const back = String(headers.location)
    // login CSRF: Ann is led to where Eve was sent back to
    await ann.open('http://blog.test/', /127/)
    expect((await ann.ask(back)).status).to.equal(400)
    const kept = new Map(eve.cookies('blog.test'))
    expect((await eve.ask(back)).status).to.equal(303)
    const asked = idp.tokens()
    eve.cookies('blog.test').clear()
    for (const [name, value] of kept) eve.cookies('blog.test').set(name, value)
    expect((await eve.ask(back)).status).to.equal(400)
    expect(idp.tokens(), 'the issuer is not even asked').to.equal(asked)
    await rig.again()
    const after = rig.browser()
    for (const [name, value] of kept) after.cookies('blog.test').set(name, value)
    expect((await after.ask(back)).status, 'nor by another router').to.equal(400)
  })

  it('comes to nothing with words of one’s own', async () => {
    const eve = rig.browser()
    for (const query of [
      '',
      '?',
      '?code=a',
      '?state=',
      `?code=a&state=${'x'.repeat(5_000)}`,
      '?code=a&state=%00',
      '?error=x&state=__proto__',
    ])
      expect((await eve.ask(`http://blog.test/.berth/sso/callback${query}`)).status).to.equal(400)
    const [begun] = (await eve.open('http://blog.test/', /authorize/)).headers['set-cookie'] ?? []
    const [, name = '', sealed = ''] = /^([^=]+)=([^;]+)/.exec(begun ?? '') ?? []
    expect(name).to.match(/^berth-sso-[\w-]{8}-[\w-]{8}$/)
    for (const value of [
      ...[
        '',
        'x',
        '1.',
        '.x',
        '99999999.AAAA',
        sealed,
        sealed.slice(0, -2),
        `${sealed.slice(0, -1)}A`,
        'A'.repeat(3_000),
      ],
      ...[JSON.stringify({ person: { sub: 'root' } }), `${sealed.split('.')[0] ?? ''}.${'A'.repeat(60)}`],
    ]) {
      eve.cookies('blog.test').set(name.slice(0, -9), value)
      expect((await eve.ask('http://blog.test/', { accept: '*/*' })).status, value).to.equal(401)
    }
    expect(rig.seen).to.have.length(0)
  })

  it('leads nobody to another site, wherever it began', async () => {
    honest()
    for (const path of [
      '//evil.test/x',
      '/\\evil.test',
      '/@evil.test',
      '/%2F%2Fevil.test',
      '/?next=http://evil.test',
    ]) {
      const ann = rig.browser()
      // as it stands: a URL would be normalised
      const raw = await rig.front.raw(
        `GET ${path} HTTP/1.1\r\nhost: blog.test\r\naccept: text/html\r\nconnection: close\r\n\r\n`,
      )
      const [, cookie = '', value = ''] = /set-cookie: ([^=]+)=([^;]+)/i.exec(raw) ?? []
      const [, location = ''] = /location: (\S+)/i.exec(raw) ?? []
      ann.cookies('blog.test').set(cookie, value)
      const { headers } = await ann.open(location, /sso\/callback\?/)
      const back = await ann.ask(String(headers.location))
      expect([back.status, new URL(String(back.headers.location)).host], path).to.deep.equal([303, 'blog.test'])
    }
  })

  it('is no more than a new one for a session that a sibling of the hostname has put there, where there is no HTTPS', async () => {
    honest()
    const [ann, eve] = [rig.browser(), rig.browser()]
    idp.person = { sub: 'ann', claims: {} }
    await ann.open('http://blog.test/')
    idp.person = { sub: 'eve', claims: {} }
    await eve.open('http://blog.test/')
    const [name, own] = [...ann.cookies('blog.test')][0] ?? ['', '']
    const tossed = eve.cookies('blog.test').get(name) ?? ''
    for (const cookie of [`${name}=${tossed}; ${name}=${own}`, `${name}=${own}; ${name}=${tossed}`])
      expect((await ann.ask('http://blog.test/', { cookie })).status).to.equal(400)
    expect((await ann.ask('http://blog.test/', { cookie: `${name}=rubbish; ${name}=${own}` })).body).to.equal(
      'hello ann at /',
    )
    // where there is, browsers let no sibling set them, and a session of the one is none of the other
    await rig[Symbol.asyncDispose]()
    rig = await ssoRig(idp.issuer, { trustedProxies: ['127.0.0.1'] })
    rig.gate(rig.rule({ id: 'gate-of-the-blog-9' }))
    const https = { 'x-forwarded-proto': 'https' }
    const { headers } = await rig.browser().ask('http://blog.test/', https)
    expect(headers['set-cookie']?.[0]).to.match(
      /^__Host-berth-sso-[^;]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    )
    expect(new URL(String(headers.location)).searchParams.get('redirect_uri')).to.equal(
      'https://blog.test/.berth/sso/callback',
    )
    for (const cookie of [`${name}=${own}`, `__Host-${name}=${own}`])
      expect((await rig.browser().ask('http://blog.test/', { ...https, accept: '*/*', cookie })).status).to.equal(401)
  })

  it('does not get in the way of another in the next tab, and leaves a browser few cookies', async () => {
    honest()
    idp.person = { sub: 'ann', claims: {} }
    const ann = rig.browser()
    const one = await ann.open('http://blog.test/one', /sso\/callback\?/)
    const two = await ann.open('http://blog.test/two', /sso\/callback\?/)
    expect((await ann.ask(String(two.headers.location))).headers.location).to.equal('http://blog.test/two')
    expect((await ann.ask(String(one.headers.location))).headers.location).to.equal('http://blog.test/one')
    expect(ann.cookies('blog.test').size).to.equal(1)
    const eve = rig.browser()
    for (let i = 0; i < 10; i += 1) await eve.ask(`http://blog.test/${'x'.repeat(900)}`)
    const cookies = [...eve.cookies('blog.test')]
    expect(cookies).to.have.length(4)
    expect(Math.max(...cookies.map((all) => all.join('=').length))).to.be.lessThan(4_096)
    const far = await eve.open(`http://blog.test/${'x'.repeat(3_000)}`, /sso\/callback\?/)
    expect((await eve.ask(String(far.headers.location))).headers.location, 'too far to be remembered').to.equal(
      'http://blog.test/',
    )
  })

  it('has room in a cookie for whoever is in many groups, those first that the gate asks for', async () => {
    const groups = Array.from({ length: 300 }, (_, i) => `group-${String(i)}-${'ä'.repeat(20)}`)
    liar.lies = { claims: { groups, name: 'N'.repeat(200), email: `${'a'.repeat(200)}@example.com` } }
    rig.gate(rig.rule({ scopes: ['openid'], groups: [groups[299] ?? ''] }))
    const ann = rig.browser()
    expect((await ann.open('http://blog.test/')).status).to.equal(200)
    expect(Math.max(...[...ann.cookies('blog.test')].map((all) => all.join('=').length))).to.be.lessThan(4_096)
    const told = String(rig.seen.at(-1)?.headers['x-forwarded-groups'])
    expect(told.startsWith(`${encodeURIComponent(groups[299] ?? '')},`)).to.equal(true)
  })

  it('does not begin where a router has not what it takes', async () => {
    await rig[Symbol.asyncDispose]()
    rig = await ssoRig(liar.issuer, { sso: undefined as never })
    rig.gate(rig.rule())
    expect((await rig.browser().ask('http://blog.test/')).status).to.equal(503)
    expect(rig.seen).to.have.length(0)
  })
})
