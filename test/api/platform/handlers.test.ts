import { request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { Authority } from '../../certificates/authority.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

const stranger = '203.0.113.7'

describe("Berth's own hostname through the API", function () {
  this.timeout(30_000)
  let rig: Rig
  before(async () => (rig = await openRig(undefined, { BERTH_HTTPS_PORT: '8443', BERTH_DOMAIN: 'apps.localhost' })))
  after(() => rig[Symbol.asyncDispose]())

  /** As the router passes it on. */
  const ask = async (
    path: string,
    { method = 'GET', from = stranger, proto = 'http', body = '', ...headers }: Record<string, string> = {},
  ) => {
    const sent = request({ host: '127.0.0.1', port: Number(new URL(rig.url).port), method, path })
    const given = { 'x-forwarded-for': from, 'x-forwarded-proto': proto, 'x-forwarded-port': '8443', ...headers }
    for (const [name, value] of Object.entries(given)) sent.setHeader(name, value)
    if (method === 'PATCH') sent.setHeader('content-type', 'application/json')
    const [response] = (await once(sent.end(body), 'response')) as [IncomingMessage]
    return { status: response.statusCode, headers: response.headers, body: await text(response) }
  }
  const bearer = () => `Bearer ${rig.token}`

  it('has certificates as apps have, which serve apps that they cover, too', async () => {
    await using authority = await Authority.open()
    const { client } = rig
    await rig.pushed('blog')
    await client.domains.add({ app: 'blog', hosts: ['blog.example.org'] })
    const foreign = await authority.issue(null, { names: ['blog.example.org'] })
    await expectFault(
      client.platformCerts.add({ chain: foreign.cert, key: foreign.key }),
      'invalid',
      /for blog\.example\.org, and Berth is at berth\.apps\.localhost/,
    )
    const { cert, key } = await authority.issue(null, { names: ['*.apps.localhost', 'blog.example.org'] })
    const added = contract.platformCerts.add.reply.parse(await client.platformCerts.add({ chain: cert, key }))
    expect(added.serves).to.deep.equal(['berth.apps.localhost', 'blog.apps.localhost', 'blog.example.org'])
    expect(await client.platformCerts.list({})).to.deep.equal([added])
    expect(await client.certs.list({ app: 'blog' })).to.deep.equal([])
    expect((await client.platformCerts.info({ cert: added.id })).pem).to.equal(cert)
    const own = await client.certs.add({ app: 'blog', chain: foreign.cert, key: foreign.key })
    expect(own.serves).to.deep.equal(['blog.example.org'])
    expect((await client.platformCerts.list({}))[0]?.serves).to.deep.equal([
      'berth.apps.localhost',
      'blog.apps.localhost',
    ])
    expect((await client.domains.list({ app: 'blog' })).map(({ certificate }) => certificate?.id)).to.deep.equal([
      added.id,
      own.id,
    ])
    const info = contract.platform.info.reply.parse(await client.platform.info({}))
    expect(info).to.deep.include({ host: 'berth.apps.localhost', url: rig.url, https: false })
    expect(info.certificate?.id).to.equal(added.id)
    expect(await client.platformCerts.auto({ auto: true })).to.deep.equal({
      ...{ auto: true, hosts: [], not: [{ host: 'berth.apps.localhost', why: 'it is of this machine alone' }] },
    })
    await expectFault(client.platformCerts.renew({ host: 'x.example' }), 'missing', /Berth has no hostname x\.example/)
    await client.platformCerts.auto({ auto: false })
    await expectFault(client.platformCerts.renew({}), 'conflict', /no certificates are ordered for Berth/)
    await client.platformCerts.remove({ cert: added.id })
    await expectFault(client.platformCerts.info({ cert: added.id }), 'missing', /Berth has no certificate/)
  })

  it('is named as the caller came', async () => {
    const authorization = bearer()
    const urls = async (proto: string): Promise<unknown> => {
      const { body } = await ask('/api/apps/blog', { proto, authorization })
      return (JSON.parse(body) as { gitUrl: string }).gitUrl
    }
    expect(await urls('https')).to.equal('https://berth.apps.localhost:8443/blog.git')
    expect(await urls('http')).to.equal(`${rig.url}/blog.git`)
    expect((await ask('/', { proto: 'https' })).body).to.include('https://berth.apps.localhost:8443/api')
    await rig.client.domains.https({ app: 'blog', https: true })
    expect((await rig.client.apps.info({ app: 'blog' })).url).to.equal('https://blog.apps.localhost:8443')
  })

  it('may be for HTTPS alone, once somebody came so: then plain HTTP is refused before a token is looked at', async () => {
    const { client } = rig
    await expectFault(client.platform.https({ https: true }), 'conflict', /plain HTTP, which would be refused/)
    const authorization = bearer()
    const on = await ask('/api/platform', { method: 'PATCH', proto: 'https', authorization, body: '{"https":true}' })
    expect(JSON.parse(on.body)).to.deep.equal({ https: true })
    for (const headers of [{ authorization }, {}, { authorization: 'Bearer wrong' }]) {
      const refused = await ask('/api/apps', headers)
      expect([refused.status, (JSON.parse(refused.body) as { fault: string }).fault]).to.deep.equal([403, 'denied'])
      expect(refused.body).to.include('berth login https://berth.apps.localhost:8443').and.include('tokens:revoke')
    }
    const git = await ask('/blog.git/info/refs?service=git-receive-pack')
    expect([git.status, git.headers['content-type']]).to.deep.equal([403, 'text/plain; charset=utf-8'])
    expect(git.headers['www-authenticate'], 'git is asked for no token').to.equal(undefined)
    expect((await ask('/blog.git/info/refs', { accept: 'text/html', authorization })).status).to.equal(403)
    const page = await ask('/some?page=1', { accept: 'text/html,*/*' })
    expect([page.status, page.headers.location]).to.deep.equal([307, 'https://berth.apps.localhost:8443/some?page=1'])
    expect((await ask('/api/apps', { proto: 'https', authorization })).status).to.equal(200)
    expect((await ask('/api/health')).status).to.equal(200)
    expect((await ask('/api/apps', { from: '127.0.0.1', authorization })).status, 'this machine').to.equal(200)
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    const run = await ask('/api/apps/blog/run', {
      ...upgrade,
      authorization,
      'sec-websocket-key': 'x'.repeat(22) + '==',
    })
    expect([run.status, run.body]).to.satisfy(
      ([status, body]: [number, string]) => status === 403 && /denied/.test(body),
    )
    await client.platform.https({ https: false })
    expect((await ask('/api/apps', { authorization })).status).to.equal(200)
  })
})
