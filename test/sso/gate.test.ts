import type { Socket } from 'node:net'
import { expect } from 'chai'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { hashPassword } from '../../src/lib/password-hash.js'
import { keyPeriod } from '../../src/sso/keys.js'
import { oidcProvider, type TestProvider } from './provider.js'
import { ssoRig, type SsoRig } from './gate-rig.js'

const decode = (part = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

describe('an app’s sign-in', function () {
  this.timeout(60_000)
  let idp: TestProvider
  let rig: SsoRig

  before(async () => {
    idp = await oidcProvider(['blog.test', 'wiki.test', 'blog.test/api'])
  })
  after(() => idp[Symbol.asyncDispose]())
  beforeEach(async () => {
    idp.person = {
      sub: 'ann',
      claims: { email: 'Ann@Example.com', email_verified: true, groups: ['dev', 'ops, night'] },
    }
    rig = await ssoRig(idp.issuer)
    rig.gate(rig.rule())
  })
  afterEach(() => rig[Symbol.asyncDispose]())

  it('sends a browser to the issuer and back to where it wanted to go, and asks no more', async () => {
    const ann = rig.browser()
    const page = await ann.open('http://blog.test/a/b?c=d%20e')
    expect([page.status, page.body]).to.deep.equal([200, 'hello ann at /a/b?c=d%20e'])
    expect(rig.seen.map(({ url }) => url)).to.deep.equal(['/a/b?c=d%20e'])
    expect((await ann.ask('http://blog.test/more', { accept: '*/*' }, 'POST')).body).to.equal('hello ann at /more')
    expect([...ann.cookies('blog.test').keys()], 'what was under way is over').to.have.length(1)
  })

  it('tells scripts, programs and WebSockets that somebody has to sign in, and sends nothing anywhere', async () => {
    const ann = rig.browser()
    for (const [headers, method] of [
      [{ accept: 'application/json' }, 'GET'],
      [{ 'sec-fetch-mode': 'cors' }, 'GET'],
      [{ 'sec-fetch-mode': 'no-cors', accept: 'image/*' }, 'GET'],
      [{}, 'POST'],
      [{}, 'HEAD'],
    ] as const) {
      const { status, headers: said } = await ann.ask('http://blog.test/', headers, method)
      expect([status, said['x-berth-error'], said.location, said['set-cookie']]).to.deep.equal([
        ...[401, 'sign-in', undefined, undefined],
      ])
    }
    const handshake =
      'GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\naccept: text/html\r\n\r\n'
    expect(await rig.front.raw(handshake)).to.match(/^HTTP\/1\.1 401 /)
    expect(rig.seen).to.have.length(0)
  })

  it('tells the app who it is in headers that nobody else can set, one of them signed', async () => {
    const ann = rig.browser()
    const lies = {
      'x-forwarded-user': 'root',
      'x-forwarded-email': 'root@example.com',
      'x-forwarded-groups': 'wheel',
      'x-berth-identity': 'a.b.c',
      x_forwarded_user: 'root',
      'X_Forwarded-User': 'root',
      x_berth_identity: 'a.b.c',
      'x-berth_identity': 'a.b.c',
      'x.forwarded.user': 'root',
      'x-forwarded!groups': 'wheel',
      'x-forwarded-preferred-username': 'root',
    }
    await ann.open('http://blog.test/')
    await ann.ask('http://blog.test/', lies)
    const headers = rig.seen.at(-1)?.headers ?? {}
    const named = Object.entries(headers).filter(([name]) => /user|mail|group|identity/i.test(name))
    const signed = String(headers['x-berth-identity'])
    expect(Object.fromEntries(named)).to.deep.equal({
      'x-forwarded-user': 'ann',
      'x-forwarded-email': 'ann@example.com',
      'x-forwarded-groups': 'dev,ops%2C%20night',
      'x-berth-identity': signed,
    })
    expect(headers).to.not.have.property('cookie')
    const { body } = await rig.browser().ask('http://blog.test/.berth/sso/jwks.json')
    const set = JSON.parse(body) as JSONWebKeySet
    expect(set.keys.map((key) => Object.keys(key).join())).to.deep.equal(['kty,crv,x,y,kid,alg,use'])
    const checks = { issuer: 'berth', audience: 'blog', algorithms: ['ES256'], currentDate: new Date(rig.now) }
    const { payload: claims } = await jwtVerify(signed, createLocalJWKSet(set), checks)
    expect(claims).to.include({ iss: 'berth', aud: 'blog', sub: 'ann', email: 'ann@example.com', idp: idp.issuer })
    expect(claims.groups).to.deep.equal(['dev', 'ops, night'])
    expect([Number(claims.exp) - Number(claims.iat), Math.abs(Number(claims.iat) - rig.now / 1000) < 2]).to.deep.equal([
      60,
      true,
    ])
    rig.now += 45_000
    await ann.ask('http://blog.test/')
    const later = decode(String(rig.seen.at(-1)?.headers['x-berth-identity']).split('.')[1])
    expect(Number(later.exp) * 1000 - rig.now, 'it is signed anew in time').to.be.greaterThan(15_000)
  })

  it('hands an app no spoofed identity where there is no gate either', async () => {
    rig.gate(null, { name: 'open' })
    await rig
      .browser()
      .ask('http://open.test/', { 'x-berth-identity': 'a.b.c', x_forwarded_user: 'root', 'x-forwarded-email': 'r' })
    expect(Object.keys(rig.seen.at(-1)?.headers ?? {}).join()).to.not.match(/user|identity|mail/)
  })

  const kept: readonly [name: string, change: Parameters<SsoRig['rule']>[0], status: number][] = [
    ['an address', { emails: ['ann@example.com'] }, 200],
    ['an address of another', { emails: ['bob@example.com'] }, 403],
    ['a domain', { emails: ['bob@else.com', '*@EXAMPLE.com'] }, 200],
    ['a domain that ends alike', { emails: ['*@le.com', '*@xample.com'] }, 403],
    ['a domain above', { emails: ['*@com'] }, 403],
    ['a group', { groups: ['admin', 'dev'] }, 200],
    ['a group that there is not', { groups: ['admin'] }, 403],
    ['both, and one is not so', { emails: ['*@example.com'], groups: ['admin'] }, 403],
    ['a claim', { scopes: ['openid', 'team'], claims: { team: 'red' } }, 403],
    ['a claim that there is not', { claims: { toString: 'x' } }, 403],
  ]
  for (const [name, change, status] of kept)
    it(`lets in by ${name}: ${String(status)}`, async () => {
      rig.gate(rig.rule(change))
      const page = await rig.browser().open('http://blog.test/')
      expect([page.status, rig.seen.length]).to.deep.equal([status, status === 200 ? 1 : 0])
    })

  it('looks at groups again at each sign-in', async () => {
    rig.gate(rig.rule({ groups: ['dev'] }))
    const ann = rig.browser()
    expect((await ann.open('http://blog.test/')).status).to.equal(200)
    idp.person = { sub: 'ann', claims: { groups: [] } }
    expect((await ann.ask('http://blog.test/')).status, 'until the session ends').to.equal(200)
    rig.now += 3_601_000
    expect((await ann.open('http://blog.test/')).status).to.equal(403)
  })

  it('takes no address that the issuer says is not checked', async () => {
    idp.person = { sub: 'eve', claims: { email: 'eve@example.com', email_verified: false } }
    rig.gate(rig.rule({ emails: ['*@example.com'] }))
    expect((await rig.browser().open('http://blog.test/')).status).to.equal(403)
  })

  it('ends a session in its time, by signing out, and with its gate', async () => {
    const ann = rig.browser()
    await ann.open('http://blog.test/')
    const [name, value] = [...ann.cookies('blog.test')][0] ?? ['', '']
    const status = async () => (await ann.ask('http://blog.test/', { accept: '*/*' })).status
    expect(await status()).to.equal(200)
    rig.now += 3_599_000
    expect(await status()).to.equal(200)
    rig.now += 2_000
    expect(await status()).to.equal(401)
    rig.now -= 2_000
    const out = await ann.ask('http://blog.test/.berth/sso/sign-out')
    expect([out.status, await status()]).to.deep.equal([200, 401])
    ann.cookies('blog.test').set(name, value)
    expect(await status()).to.equal(200)
    rig.gate(rig.rule({ id: 'gate-of-the-blog-2' }))
    expect(await status()).to.equal(401)
  })

  it('outlives the router and the period of its keys, and not the one after', async () => {
    rig.gate(rig.rule({ session: 14 * 86_400 }))
    const ann = rig.browser()
    rig.now = (Math.floor(rig.now / keyPeriod) + 1) * keyPeriod - 1_000
    await ann.open('http://blog.test/')
    await rig.again()
    const again = rig.browser()
    for (const [name, value] of ann.cookies('blog.test')) again.cookies('blog.test').set(name, value)
    const status = async () => (await again.ask('http://blog.test/', { accept: '*/*' })).status
    expect(await status()).to.equal(200)
    const keysBefore = (await again.ask('http://blog.test/.berth/sso/jwks.json')).body
    rig.now += 86_400_000
    expect(await status()).to.equal(200)
    const keys = (JSON.parse((await again.ask('http://blog.test/.berth/sso/jwks.json')).body) as { keys: object[] })
      .keys
    expect(keys).to.have.length(2)
    expect(keys).to.deep.include((JSON.parse(keysBefore) as { keys: object[] }).keys[0])
    rig.now += keyPeriod
    expect(await status()).to.equal(401)
  })

  it('is of one app, one hostname and one scheme', async () => {
    rig.gate(rig.rule(), { name: 'wiki' })
    const ann = rig.browser()
    await ann.open('http://blog.test/')
    for (const [name, value] of ann.cookies('blog.test'))
      for (const prefix of ['', '__Host-']) ann.cookies('wiki.test').set(prefix + name, value)
    expect((await ann.ask('http://wiki.test/', { accept: '*/*' })).status).to.equal(401)
    await ann.open('http://wiki.test/')
    const wiki = [...ann.cookies('wiki.test')]
    // as another app might call it that has got hold of it
    const [own = ''] = ann.cookies('blog.test').keys()
    ann.cookies('blog.test').clear()
    for (const [, value] of wiki) ann.cookies('blog.test').set(own, value)
    expect((await ann.ask('http://blog.test/', { accept: '*/*' })).status).to.equal(401)
  })

  it('is for each path of a hostname as the app that answers there has it, and never shows one’s cookies to another', async () => {
    rig.gate(rig.rule({ id: 'gate-of-the-api-01' }), { name: 'api', paths: ['/api'] })
    rig.gate(null, { name: 'docs', paths: ['/docs'] })
    const ann = rig.browser()
    expect((await ann.open('http://blog.test/api/x')).body).to.equal('hello ann at /x')
    expect((await ann.ask('http://blog.test/', { accept: '*/*' })).status).to.equal(401)
    await ann.open('http://blog.test/')
    expect(ann.cookies('blog.test').size).to.equal(2)
    await ann.ask('http://blog.test/docs/', {
      cookie: `${[...ann.cookies('blog.test')].map((one) => one.join('=')).join('; ')}; mine=1`,
    })
    expect(rig.seen.at(-1)?.headers.cookie).to.equal('mine=1')
    expect((await ann.ask('http://blog.test/docs/.berth/sso/callback')).body, 'nothing is reserved there').to.include(
      '/.berth/sso/callback',
    )
  })

  it('comes after networks, rates and passwords, and before maintenance', async () => {
    const users = { me: await hashPassword('secret') }
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`
    rig.gate(rig.rule(), { rules: { allow: ['10.0.0.0/8'] } })
    const ann = rig.browser()
    expect((await ann.ask('http://blog.test/')).status).to.equal(403)
    expect((await ann.ask('http://blog.test/.berth/sso/callback?code=a&state=b')).status).to.equal(403)
    expect((await ann.ask('http://blog.test/.berth/sso/jwks.json')).status, 'no secret').to.equal(200)
    rig.gate(rig.rule(), { rules: { users, maintenance: true } })
    const asked = await ann.ask('http://blog.test/')
    expect([asked.status, asked.headers['x-berth-error']]).to.deep.equal([401, 'login'])
    expect((await ann.ask('http://blog.test/', { authorization })).status).to.equal(302)
    rig.gate(rig.rule(), { rules: { maintenance: true } })
    expect((await ann.ask('http://blog.test/')).status, 'who is not in does not learn of it').to.equal(302)
    expect((await ann.open('http://blog.test/')).headers['x-berth-error']).to.equal('maintenance')
    rig.gate(rig.rule(), { rules: { users } })
    await ann.ask('http://blog.test/', { authorization })
    expect(rig.seen.at(-1)?.headers).to.include({ 'x-forwarded-user': 'ann' }).and.to.not.have.property('authorization')
    rig.gate(rig.rule(), { rules: { clientRate: { requests: 1, seconds: 3_600 } } })
    expect([(await ann.ask('http://blog.test/')).status, (await ann.ask('http://blog.test/')).status]).to.deep.equal([
      200, 429,
    ])
  })

  it('goes on for those who are signed in while the issuer is away, and says so to others', async () => {
    const ann = rig.browser()
    await ann.open('http://blog.test/')
    const late = rig.browser()
    const back = await late.open('http://blog.test/', /sso\/callback\?/)
    await idp.away()
    try {
      await rig.again()
      const here = rig.browser()
      for (const [name, value] of ann.cookies('blog.test')) here.cookies('blog.test').set(name, value)
      expect((await here.ask('http://blog.test/')).status).to.equal(200)
      const page = await rig.browser().ask('http://blog.test/')
      expect([page.status, page.headers['x-berth-error'], page.headers['retry-after']]).to.deep.equal([
        503,
        'issuer-away',
        '5',
      ])
      expect(page.body).to.include('Nobody can sign in at the moment')
      const undone = rig.browser()
      for (const [name, value] of late.cookies('blog.test')) undone.cookies('blog.test').set(name, value)
      expect((await undone.ask(String(back.headers.location))).status).to.equal(503)
    } finally {
      await idp.back()
    }
  })

  it('ends WebSockets with the session that has let them in', async () => {
    rig.gate(rig.rule({ session: 3 }))
    const ann = rig.browser()
    await ann.open('http://blog.test/')
    const cookie = [...ann.cookies('blog.test')].map((one) => one.join('=')).join('; ')
    rig.blog.server.on('upgrade', (_, socket: Socket) =>
      socket
        .on('error', () => undefined)
        .write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    )
    const began = performance.now()
    const text = await rig.front.raw(
      `GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\ncookie: ${cookie}\r\n\r\n`,
    )
    expect(text).to.match(/^HTTP\/1\.1 101 /)
    expect(performance.now() - began).to.be.lessThan(20_000)
  })
})
