import { expect } from 'chai'
import { anonymous } from '../../../src/access/caller.js'
import { domainHandlers } from '../../../src/api/domains/handlers.js'
import type { ControlApiDeps } from '../../../src/api/platform.js'
import { contract } from '../../../src/api/contract.js'
import { expectFault, refusal, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('domains through the API', function () {
  this.timeout(20_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  const hostsOf = async (id: string) => (await rig.store.routes.get(id))?.hosts

  it('adds, lists and removes them, at once and without a release', async () => {
    const { client } = rig
    const { id } = await rig.pushed('blog')
    const hosts = ['WWW.Example.org', '*.example.org', 'müller.example', 'www.example.org.']
    const added = contract.domains.add.reply.parse(await client.domains.add({ app: 'blog', hosts }))
    expect(added.map(({ host, shown, own }) => [host, shown, own])).to.deep.equal([
      ['www.example.org', 'www.example.org', false],
      ['*.example.org', '*.example.org', false],
      ['xn--mller-kva.example', 'müller.example', false],
    ])
    expect(await hostsOf(id)).to.deep.equal([rig.config.appHost('blog'), ...added.map(({ host }) => host)])
    const again = await client.domains.add({ app: 'blog', hosts: ['www.example.org'] })
    expect(again).to.deep.equal(added.slice(0, 1))
    expect((await client.domains.remove({ app: 'blog', host: 'Müller.example' })).host).to.equal(
      'xn--mller-kva.example',
    )
    await client.domains.remove({ app: 'blog', host: '*.example.org' })
    const all = contract.domains.list.reply.parse(await client.domains.list({ app: 'blog' }))
    expect(all.map(({ host, own }) => [host, own])).to.deep.equal([
      [rig.config.appHost('blog'), true],
      ['www.example.org', false],
    ])
    await expectFault(client.domains.remove({ app: 'blog', host: '*.example.org' }), 'missing', /blog has no domain/)
    await expectFault(client.domains.remove({ app: 'blog', host: '../..' }), 'missing', /blog has no domain/)
    const own = rig.config.appHost('blog')
    await expectFault(client.domains.remove({ app: 'blog', host: own }), 'invalid', /is blog's by its name/)
    expect((await client.domains.clear({ app: 'blog' })).map(({ host }) => host)).to.deep.equal(['www.example.org'])
    expect(await client.domains.clear({ app: 'blog' })).to.deep.equal([])
    expect(await hostsOf(id)).to.deep.equal([own])
    expect((await client.apps.info({ app: 'blog' })).release).to.equal(2)
  })

  it('says who has a hostname, and adds none of several then', async () => {
    const { client } = rig
    await rig.pushed('first')
    const { id } = await rig.pushed('second')
    await client.domains.add({ app: 'first', hosts: ['shop.example.net'] })
    const fault = await refusal(client.domains.add({ app: 'second', hosts: ['new.example.net', 'shop.example.net'] }))
    expect(fault).to.include({
      fault: 'conflict',
      message: 'shop.example.net is a domain of first; nothing was added',
      hint: '`berth domains:remove shop.example.net -a first` takes it from there',
    })
    expect(await hostsOf(id)).to.have.length(1)
    const app = await rig.store.apps.get('second')
    const handlers = domainHandlers({ config: rig.config, store: rig.store } as unknown as ControlApiDeps)
    const context = { app, caller: anonymous, url: '', signal: new AbortController().signal }
    const stranger = await refusal(handlers.add({ app: 'second', hosts: ['shop.example.net'] }, context))
    expect(stranger.message).to.equal('shop.example.net is a domain of another app; nothing was added')
    expect(stranger.hint).to.not.include('first')
    await client.domains.add({ app: 'second', hosts: ['*.example.net'] })
  })

  it('leads a path of a hostname to another app, with the consent of who has it', async () => {
    const { client, store } = rig
    const front = await rig.pushed('front')
    const { id } = await rig.pushed('back')
    const own = rig.config.appHost('front')
    await client.domains.add({ app: 'front', hosts: ['parts.example'] })
    const add = (hosts: string[], path = '/api', strip = false) =>
      client.domains.add({ app: 'back', hosts, path, strip })
    const added = contract.domains.add.reply.parse(await add(['Parts.example', own], '/api/', true))
    expect(added.map(({ host, path, strip }) => [host, path, strip])).to.deep.equal([
      ['parts.example', '/api', true],
      [own, '/api', true],
    ])
    expect((await store.routes.get(id))?.paths).to.deep.equal([
      { host: 'parts.example', path: '/api', root: front.id, strip: true },
      { host: own, path: '/api', root: front.id, strip: true },
    ])
    await add(['parts.example'], '/api')
    expect((await store.routes.get(id))?.paths?.map(({ strip }) => strip)).to.deep.equal([true, undefined])
    const listed = contract.domains.list.reply.parse(await client.domains.list({ app: 'back' }))
    expect(listed.map(({ host, path, of }) => [host, path, of])).to.deep.equal([
      [rig.config.appHost('back'), null, null],
      [own, '/api', 'front'],
      ['parts.example', '/api', 'front'],
    ])
    const guests = (await client.domains.list({ app: 'front' })).map((one) => one.guests)
    expect(guests).to.deep.equal([[{ path: '/api', app: 'back' }], [{ path: '/api', app: 'back' }]])

    await expectFault(add(['nobody.example']), 'missing', /no app has the hostname nobody.example/)
    await expectFault(add([rig.config.appHost('berth')]), 'missing', /no app has the hostname berth/)
    await expectFault(add([rig.config.appHost('back')]), 'invalid', /back has the whole of/)
    await expectFault(add(['parts.example'], '/'), 'invalid', /is the whole hostname/)
    await expectFault(add(['parts.example'], '/a/../b'), 'invalid', /by its dots/)
    await rig.pushed('rival')
    const rival = await refusal(client.domains.add({ app: 'rival', hosts: ['parts.example'], path: '/api' }))
    expect(rival).to.include({
      message: 'parts.example/api is led to back; nothing was added',
      hint: '`berth domains:remove parts.example --path /api -a back` takes it from there',
    })
    const handlers = domainHandlers({ config: rig.config, store } as unknown as ControlApiDeps)
    const context = {
      app: await store.apps.get('rival'),
      caller: anonymous,
      url: '',
      signal: new AbortController().signal,
    }
    const stranger = await refusal(handlers.add({ app: 'rival', hosts: ['parts.example'], path: '/x' }, context))
    expect(stranger).to.include({ fault: 'denied', message: 'parts.example is a domain of another app' })

    await client.domains.add({ app: 'front', hosts: ['www.parts.example'] })
    await client.domains.redirect({ app: 'front', host: 'www.parts.example', to: 'parts.example' })
    await expectFault(add(['www.parts.example']), 'conflict', /are sent on to parts.example/)
    await expectFault(client.domains.remove({ app: 'back', host: 'parts.example' }), 'missing', /back has no domain/)
    await expectFault(client.domains.remove({ app: 'back', host: own, path: '/x' }), 'missing', /back has no path/)
    const gone = contract.domains.remove.reply.parse(
      await client.domains.remove({ app: 'back', host: own, path: '/api' }),
    )
    expect(gone).to.include({ host: own, path: '/api', strip: true })
    await client.domains.redirect({ app: 'front', host: 'www.parts.example', to: null })
    await client.domains.remove({ app: 'front', host: 'parts.example' })
    expect((await client.domains.list({ app: 'back' })).at(-1)).to.include({ path: '/api', of: null })
    const cleared = await client.domains.clear({ app: 'back' })
    expect(cleared.map(({ host, path }) => [host, path])).to.deep.equal([['parts.example', '/api']])
    expect((await store.routes.get(id))?.paths).to.equal(undefined)
  })

  it('sends clients of one on to another, never in a circle nor to nobody', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('moves')
    await client.domains.add({ app: 'moves', hosts: ['apex.example', 'www.apex.example', '*.old.example'] })
    const send = (host: string, to: string | null) => client.domains.redirect({ app: 'moves', host, to })
    expect(await send('WWW.apex.example', 'Apex.example')).to.include({
      host: 'www.apex.example',
      redirect: 'apex.example',
    })
    expect((await send('*.old.example', 'apex.example')).redirect).to.equal('apex.example')
    expect((await store.routes.get(id))?.redirects).to.deep.equal({
      ...{ 'www.apex.example': 'apex.example', '*.old.example': 'apex.example' },
    })
    await expectFault(send('apex.example', 'apex.example'), 'conflict', /cannot be sent on to itself/)
    await expectFault(
      send('apex.example', 'www.apex.example'),
      'conflict',
      /www.apex.example are sent on to apex.example/,
    )
    await expectFault(send('*.old.example', 'www.apex.example'), 'conflict', /are sent on to apex.example themselves/)
    await expectFault(send('www.apex.example', '*.old.example'), 'invalid', /to a wildcard/)
    await expectFault(send('www.apex.example', 'evil.example'), 'missing', /moves has no domain evil.example/)
    await expectFault(send('evil.example', 'apex.example'), 'missing', /moves has no domain evil.example/)
    const remove = client.domains.remove({ app: 'moves', host: 'apex.example' })
    await expectFault(remove, 'conflict', /clients of www.apex.example are sent on to apex.example/)
    await client.domains.add({ app: 'moves', hosts: ['www.apex.example', 'more.example'] })
    const listed = await client.domains.list({ app: 'moves' })
    expect(listed.map(({ redirect }) => redirect)).to.deep.equal([null, 'apex.example', null, null, 'apex.example'])
    expect((await send('*.old.example', null)).redirect).to.equal(null)
    await send('www.apex.example', null)
    expect((await store.routes.get(id))?.redirects).to.equal(undefined)
    await client.domains.remove({ app: 'moves', host: 'apex.example' })
  })

  it('sends clients on to HTTPS where there is HTTPS', async () => {
    await rig.pushed('secure')
    const https = (on: boolean) => rig.client.domains.https({ app: 'secure', https: on })
    await expectFault(https(true), 'conflict', /has no HTTPS to send clients on to/)
    expect(await https(false)).to.deep.equal({ https: false, hsts: null })
    const config = { ...rig.config, httpsPort: 8443 }
    const handlers = domainHandlers({ config, store: rig.store } as unknown as ControlApiDeps)
    const app = await rig.store.apps.get('secure')
    const context = { app, caller: anonymous, url: '', signal: new AbortController().signal }
    expect(await handlers.https({ app: 'secure', https: true }, context)).to.deep.equal({
      ...{ https: true, hsts: null },
    })
    expect((await rig.store.routes.get(app.id))?.https).to.equal(true)
    const told = async () => (await rig.store.routes.get(app.id))?.rules?.headers
    const hsts = (seconds: number, on = true) =>
      handlers.https({ app: 'secure', https: on, hsts: seconds }, { ...context })
    await expectFault(hsts(60), 'conflict', /no valid certificate for secure\.localhost/)
    await expectFault(hsts(60, false), 'invalid', /where plain HTTP is answered/)
    const valid = { notBefore: 0, notAfter: Date.now() + 60_000, source: 'own', chain: '', key: '' } as const
    await rig.store.certificates.put({ ...valid, id: 'x', names: ['secure.localhost'], app: app.id })
    expect(await hsts(60)).to.deep.equal({ https: true, hsts: 60 })
    expect(await told()).to.deep.equal({ 'strict-transport-security': 'max-age=60' })
    expect(await https(false), 'browsers are to forget').to.deep.equal({ https: false, hsts: 0 })
    expect(await told()).to.deep.equal({ 'strict-transport-security': 'max-age=0' })
    await https(false)
    expect((await rig.store.routes.get(app.id))?.https).to.equal(undefined)
  })

  it('refuses what nobody can have, and too many', async () => {
    const { client } = rig
    await rig.pushed('refused')
    const add = (...hosts: string[]) => client.domains.add({ app: 'refused', hosts })
    await expectFault(add('10.0.0.1'), 'invalid', /is an IP address/)
    await expectFault(add(rig.config.appHost('berth')), 'invalid', /is Berth's own hostname/)
    await expectFault(add(rig.config.appHost('other')), 'invalid', /each app has its name/)
    await expectFault(add(rig.config.appHost('refused')), 'invalid', /is refused's by its name/)
    await expectFault(add('com'), 'invalid', /has one label only/)
    await expectFault(add(), 'invalid', /at least one/)
    await add(...Array.from({ length: 100 }, (_, at) => `h${String(at)}.many.example`))
    await expectFault(add('one.more.example'), 'conflict', /100 domains at most, and refused would have 101/)
  })

  it('keeps them through a rename, and frees them with the app', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('moved')
    await client.domains.add({ app: 'moved', hosts: ['moved.example.com'] })
    const { operation } = await client.apps.update({ app: 'moved', name: 'there' })
    if (operation) await settle(rig, operation.id)
    expect(await hostsOf(id)).to.deep.equal([rig.config.appHost('there'), 'moved.example.com'])
    await settle(rig, (await client.apps.destroy({ app: 'there', confirm: 'there' })).id)
    expect(await store.redis.hget('routes:hosts', 'moved.example.com')).to.equal(null)
    await rig.pushed('heir')
    await client.domains.add({ app: 'heir', hosts: ['moved.example.com'] })
  })
})
