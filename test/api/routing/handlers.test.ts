import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { digestOf } from '../../../src/store/pages.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('routing through the API', function () {
  this.timeout(20_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  const nothing = {
    ...{
      maintenance: false,
      hold: null,
      allow: [],
      users: [],
      sso: null,
      rate: null,
      clientRate: null,
      headers: {},
      compress: false,
      sticky: false,
      protocol: null,
      assets: [],
      body: null,
    },
    ...{ timeout: null, pages: [] },
  }

  it('is as for all apps until somebody says otherwise, and then in the route at once, without a release', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('blog')
    expect(contract.routing.get.reply.parse(await client.routing.get({ app: 'blog' }))).to.deep.equal(nothing)
    const rate = { requests: 100, seconds: 10 }
    const view = await client.routing.change({
      ...{ app: 'blog', maintenance: true, hold: 30, allow: ['10.0.0.0/8', '::1'], rate, body: 1_000, timeout: 60 },
      headers: { 'X-Frame-Options': 'DENY', server: '' },
    })
    const headers = { 'x-frame-options': 'DENY', server: '' }
    const said = {
      ...nothing,
      maintenance: true,
      hold: 30,
      allow: ['10.0.0.0/8', '::1'],
      rate,
      body: 1_000,
      timeout: 60,
      headers,
    }
    expect(view).to.deep.equal(said)
    const before = await store.routes.get(id)
    expect(before?.rules).to.deep.equal({
      ...{ maintenance: true, hold: 30, allow: ['10.0.0.0/8', '::1'], rate, body: 1_000, timeout: 60, headers },
    })
    await client.routing.change({
      ...{
        app: 'blog',
        maintenance: false,
        hold: null,
        disallow: ['10.0.0.0/8', '::1'],
        rate: null,
        body: null,
        timeout: null,
      },
      headers: { server: null, 'x-frame-options': null },
    })
    const after = await store.routes.get(id)
    expect(after?.rules).to.deep.equal({})
    expect(after?.targets).to.deep.equal(before?.targets)
    expect((await client.apps.info({ app: 'blog' })).release).to.equal(2)
  })

  it('keeps paths of assets in one form, those in place of what was there', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('assets')
    const set = (assets: string[]) => client.routing.change({ app: 'assets', assets })
    expect((await set(['/static/', '/a/b', '/static'])).assets).to.deep.equal(['/static', '/a/b'])
    expect((await set(['/c'])).assets).to.deep.equal(['/c'])
    await client.routing.change({ app: 'assets', timeout: 60 })
    expect((await store.routes.get(id))?.rules).to.deep.equal({ assets: ['/c'], timeout: 60 })
    for (const path of ['', '/', 'static', '/a//b', '/%61', '/a b'])
      await expectFault(set([path]), 'invalid', /must be a path/)
    expect((await set([])).assets).to.deep.equal([])
    expect((await store.routes.get(id))?.rules).to.deep.equal({ timeout: 60 })
  })

  it('turns on and off what is either', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('either')
    for (const field of ['sticky', 'compress', 'maintenance'] as const) {
      expect((await client.routing.change({ app: 'either', [field]: true }))[field]).to.equal(true)
      expect((await client.routing.change({ app: 'either', timeout: 60 }))[field]).to.equal(true)
      expect((await store.routes.get(id))?.rules).to.deep.equal({ [field]: true, timeout: 60 })
      expect((await client.routing.change({ app: 'either', [field]: false, timeout: null }))[field]).to.equal(false)
    }
    expect((await store.routes.get(id))?.rules).to.deep.equal({})
  })

  it('keeps of a password what it is checked by, and shows nothing of it', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('locked')
    const view = await client.routing.change({ app: 'locked', users: { me: 'secret one', you: 'secret two' } })
    expect(view.users).to.deep.equal(['me', 'you'])
    const stored = await store.redis.hget('apps', id)
    expect(stored)
      .to.match(/"me":"scrypt:/)
      .and.to.not.include('secret')
    await client.routing.change({ app: 'locked', users: { you: null } })
    await expectFault(client.routing.change({ app: 'locked', users: { you: null } }), 'missing', /no user "you"/)
    await expectFault(client.routing.change({ app: 'locked', users: { 'a:b': 'x' } }), 'invalid', /without a colon/)
    await expectFault(client.routing.change({ app: 'locked', users: { me: '' } }), 'invalid', /must not be empty/)
    expect((await client.routing.get({ app: 'locked' })).users).to.deep.equal(['me'])
  })

  it('keeps pages for as long as a rule names them', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('pages')
    const kept = () => store.redis.hkeys(`pages:${id}`)
    await client.routing.change({ app: 'pages', pages: { maintenance: '<p>soon', 503: '<p>sorry' } })
    expect((await kept()).sort()).to.deep.equal([digestOf('<p>soon'), digestOf('<p>sorry')].sort())
    await client.routing.change({ app: 'pages', pages: { 503: '<p>other' } })
    const view = await client.routing.change({ app: 'pages', pages: { maintenance: null } })
    expect(view.pages).to.deep.equal(['503'])
    expect(await kept()).to.deep.equal([digestOf('<p>other')])
    await expectFault(client.routing.change({ app: 'pages', pages: { 503: 'x'.repeat(65_537) } }), 'invalid', /64 KiB/)
    await expectFault(client.routing.change({ app: 'pages', pages: { 503: ' ' } }), 'invalid', /must not be empty/)
    const { operation } = await client.apps
      .destroy({ app: 'pages', confirm: 'pages' })
      .then((one) => ({ operation: one }))
    expect(operation.id).to.be.a('string')
  })

  it('loses nothing of what several say at once', async () => {
    const { client } = rig
    await rig.pushed('busy')
    const many = Array.from({ length: 10 }, (_, at) => at)
    await Promise.all([
      ...many.map((at) => client.routing.change({ app: 'busy', allow: [`10.0.0.${String(at)}`] })),
      ...many.map((at) =>
        client.routing.change({ app: 'busy', pages: { [['502', '503', '504'][at % 3] ?? '']: `<p>${String(at)}` } }),
      ),
    ])
    const view = await client.routing.get({ app: 'busy' })
    expect(view.allow).to.have.length(10)
    expect(view.pages).to.deep.equal(['502', '503', '504'])
    const { id, rules } = await rig.store.apps.get('busy')
    const named = Object.values(rules?.pages ?? {})
    expect((await rig.store.redis.hmget(`pages:${id}`, ...named)).every((html) => html !== null)).to.equal(true)
  })

  it('refuses what makes no sense, and changes nothing then', async () => {
    const { client } = rig
    await rig.pushed('refused')
    const change = (edit: object) => client.routing.change({ app: 'refused', ...edit })
    await expectFault(change({ allow: ['everybody'] }), 'invalid', /neither an address nor a CIDR network/)
    await expectFault(change({ allow: ['10.0.0.1'], disallow: ['10.0.0.2'] }), 'missing', /10\.0\.0\.2 is not among/)
    await expectFault(change({ rate: { requests: 0, seconds: 1 } }), 'invalid', /at least 1/)
    await expectFault(change({ timeout: 3_601 }), 'invalid', /at most 3600/)
    await expectFault(change({ headers: { 'Content-Length': '1' } }), 'invalid', /no header that may be set/)
    await expectFault(change({ headers: { 'x-a': 'a\r\nset-cookie: b' } }), 'invalid', /one line/)
    const networks = Array.from({ length: 200 }, (_, at) => `10.0.1.${String(at)}`)
    await change({ allow: networks })
    await expectFault(
      change({ allow: ['10.0.2.1'] }),
      'conflict',
      /at most 200 networks that get in, and these would be 201/,
    )
    await expectFault(change({ maintenance: 'yes' }), 'invalid', /maintenance/)
    expect((await client.routing.get({ app: 'refused' })).allow).to.have.length(200)
  })
})
