import { expect } from 'chai'
import { lyingIssuer, type Liar } from '../../sso/liar.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('a sign-in through the API', function () {
  this.timeout(20_000)
  let rig: Rig
  let liar: Liar
  before(async () => {
    liar = await lyingIssuer()
    rig = await openRig(undefined, { BERTH_SSO_PRIVATE_HOSTS: '127.0.0.1' })
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await liar[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    liar.lies = {}
  })
  const edit = () => ({ issuer: liar.issuer, clientId: 'blog', secret: 'not-to-be-shown' })

  it('is in the route at once, shows its secret to nobody, and is taken back', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('blog')
    const claims = { team: 'red' }
    const view = await client.routing.change({
      ...{
        app: 'blog',
        allow: ['::1'],
        sso: { ...edit(), emails: ['*@example.com'], groups: ['dev'], claims, session: 60 },
      },
    })
    expect(view.sso).to.deep.equal({
      ...{ issuer: liar.issuer, clientId: 'blog', isPublic: false, scopes: ['openid', 'email', 'profile'] },
      ...{ groupsClaim: 'groups', emails: ['*@example.com'], groups: ['dev'], claims, session: 60 },
    })
    expect(await client.routing.get({ app: 'blog' })).to.deep.equal(view)
    expect(JSON.stringify([view, await client.apps.info({ app: 'blog' })])).to.not.include('not-to-be-shown')
    const before = (await store.routes.get(id))?.rules?.sso
    expect(before?.secret).to.equal('not-to-be-shown')
    await client.routing.change({ app: 'blog', timeout: 60 })
    expect((await store.routes.get(id))?.rules?.sso).to.deep.equal(before)
    await client.routing.change({ app: 'blog', endSessions: true })
    const anew = (await store.routes.get(id))?.rules?.sso
    expect(anew).to.deep.equal({ ...before, id: anew?.id })
    expect(anew?.id).to.not.equal(before?.id)
    await client.routing.change({ app: 'blog', sso: edit() })
    const next = (await store.routes.get(id))?.rules?.sso
    expect(next?.id).to.not.equal(anew?.id)
    expect(next).to.not.have.any.keys('emails', 'groups', 'claims')
    expect((await client.routing.change({ app: 'blog', sso: null })).sso).to.equal(null)
    expect((await store.routes.get(id))?.rules).to.deep.equal({ allow: ['::1'], timeout: 60 })
    await expectFault(client.routing.change({ app: 'blog', endSessions: true }), 'missing', /nobody signs in to blog/)
  })

  it('changes nothing where its issuer is none, or what is said of it makes no sense', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('wrong')
    const refused = (sso: object, fault: 'invalid' | 'denied' | 'unavailable', words = /./) =>
      expectFault(client.routing.change({ app: 'wrong', maintenance: true, sso: { ...edit(), ...sso } }), fault, words)
    await refused({ issuer: `${liar.issuer}/` }, 'invalid', /calls itself/)
    await refused({ issuer: 'http://login.example.com' }, 'invalid', /is not https/)
    await refused({ issuer: 'https://10.0.0.1' }, 'denied', /private address/)
    liar.lies = { instead: { '/.well-known/openid-configuration': (request) => void request.socket.destroy() } }
    await refused({}, 'unavailable')
    liar.lies = {}
    for (const wrong of [
      ...[
        { issuer: 'login' },
        { issuer: 'ftp://x' },
        { issuer: `${liar.issuer}?a=b` },
        { issuer: 'https://me:pw@x.com' },
      ],
      ...[{ clientId: '' }, { clientId: 'a\nb' }, { secret: '' }, { scopes: ['email'] }, { scopes: ['openid', 'a b'] }],
      ...[{ emails: ['example.com'] }, { emails: ['*@*'] }, { emails: ['a*@example.com'] }, { session: 59 }],
      ...[{ session: 14 * 86_400 + 1 }, { groups: [''] }, { claims: { '': 'x' } }, { unheard: true }],
    ])
      await refused(wrong, 'invalid')
    expect((await store.routes.get(id))?.rules).to.equal(undefined)
  })
})
