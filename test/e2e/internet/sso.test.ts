import { join } from 'node:path'
import { expect } from 'chai'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { pidsFile } from '../../../src/serve/instance.js'
import { gone, Pids, signalProcess } from '../../../src/serve/pids.js'
import { freePort } from '../../free.js'
import { patience } from '../../patience.js'
import { must, run } from '../../run.js'
import { clientId, clientSecret, oidcProvider, type TestProvider } from '../../sso/provider.js'
import { evaluating } from '../apps.js'
import { createApp, startInstance, type Instance } from '../instance.js'

describe('signing in to an app', function () {
  this.timeout(300_000 * patience)
  let berth: Instance
  let idp: TestProvider
  let app: string
  let httpsPort: number
  before(async () => {
    httpsPort = await freePort()
    berth = await startInstance({
      settings: { BERTH_SSO_PRIVATE_HOSTS: '127.0.0.1', BERTH_HTTPS_PORT: String(httpsPort) },
    })
    const repo = await berth.repository(evaluating('JSON.stringify(req.headers)'))
    app = await createApp(berth, repo, 'gated')
    expect((await repo.push()).code).to.equal(0)
    idp = await oidcProvider(
      [],
      ['http', 'https'].map((scheme) => `${at(scheme)}/.berth/sso/callback`),
    )
    const gate = ['access:sso', '--issuer', idp.issuer, '--client-id', clientId, '--allow-email', '*@example.com']
    const { code, stderr } = await berth.berth([...gate, '-a', app], { input: `${clientSecret}\n` })
    expect(code, stderr).to.equal(0)
    for (const late = Date.now() + 10_000 * patience; (await berth.curl(app)).status !== 401;)
      if (Date.now() > late) throw new Error('the router never heard of the gate')
  })
  after(async () => {
    await berth[Symbol.asyncDispose]()
    await idp[Symbol.asyncDispose]()
  })

  const at = (scheme: string): string => {
    const { httpPort } = berth.config
    return `${scheme}://${berth.config.appHost(app)}:${String(scheme === 'http' ? httpPort : httpsPort)}`
  }
  /** As a browser that has these cookies. */
  const curl = async (jar: string, url: string, ...args: string[]) => {
    const cookies = ['-b', join(berth.dir, jar), '-c', join(berth.dir, jar)]
    const all = [
      '-sSk',
      '--max-time',
      '30',
      '-w',
      '\n%{http_code}',
      '-H',
      'accept: text/html',
      ...cookies,
      ...args,
      url,
    ]
    const text = await must('curl', all, { env: berth.env })
    const cut = text.trimEnd().lastIndexOf('\n')
    return { status: Number(text.slice(cut + 1)), body: text.slice(0, cut) }
  }
  const told = (body: string): Record<string, string> => JSON.parse(body) as Record<string, string>

  for (const scheme of ['http', 'https'])
    it(`lets in by ${scheme} who comes back from a real provider, and tells the app who it is`, async () => {
      const jar = `${scheme}.jar`
      const lies = ['-H', 'X-Forwarded-User: root', '-H', 'X_Berth_Identity: a.b.c', '-H', 'x-forwarded-groups: wheel']
      const { status, body } = await curl(jar, `${at(scheme)}/a?b=c`, '-L', ...lies)
      expect(status, body).to.equal(200)
      const headers = told(body)
      expect(headers).to.include({ 'x-forwarded-user': 'ann', 'x-forwarded-email': 'ann@example.com' })
      expect(headers).to.not.have.any.keys('x-forwarded-groups', 'x_berth_identity', 'cookie')
      const keys = JSON.parse((await curl('nobody', `${at(scheme)}/.berth/sso/jwks.json`)).body) as JSONWebKeySet
      const checks = { issuer: 'berth', audience: app, algorithms: ['ES256'] }
      const { payload } = await jwtVerify(headers['x-berth-identity'] ?? '', createLocalJWKSet(keys), checks)
      expect(payload).to.include({ sub: 'ann', email: 'ann@example.com', name: 'Ann', idp: idp.issuer })
      const cookies = await must('cat', [join(berth.dir, jar)])
      expect(cookies).to.match(scheme === 'https' ? /TRUE\t\d+\t__Host-berth-sso-/ : /FALSE\t\d+\tberth-sso-/)
      expect((await curl('nobody', `${at(scheme)}/`, '-X', 'POST')).status).to.equal(401)
    })

  it('outlives the router, and the issuer', async () => {
    await idp.away()
    const { router } = new Pids(pidsFile(berth.config)).alive()
    if (!router) throw new Error('there is no router')
    signalProcess(router, 'SIGKILL')
    await gone(router)
    await berth.ready()
    expect((await curl('http.jar', at('http'))).status).to.equal(200)
    const refused = await curl('new.jar', at('http'))
    expect([refused.status, refused.body.includes('Nobody can sign in at the moment')]).to.deep.equal([503, true])
    await idp.back()
  })

  it('keeps out whoever is of another domain, and everybody when sessions are ended', async () => {
    idp.person = { sub: 'eve', claims: { email: 'eve@else.com', email_verified: true } }
    // an issuer that was away is asked again some seconds later
    const late = Date.now() + 10_000 * patience
    let page = await curl('eve.jar', at('http'), '-L')
    while (page.status === 503 && Date.now() < late) page = await curl('eve.jar', at('http'), '-L')
    expect(page.status).to.equal(403)
    await berth.succeed('access:sso', '--end-sessions', '-a', app)
    for (const late = Date.now() + 10_000 * patience; (await curl('http.jar', at('http'))).status !== 302;)
      if (Date.now() > late) throw new Error('a session goes on')
  })

  it('writes the secret into no log', async () => {
    const { code } = await run('grep', ['-rqF', clientSecret, join(berth.config.root, 'log')])
    expect(code).to.equal(1)
    await berth.succeed('access:sso', '--off', '-a', app)
    for (const late = Date.now() + 10_000 * patience; (await berth.curl(app)).status !== 200;)
      if (Date.now() > late) throw new Error('the gate stays')
  })
})
