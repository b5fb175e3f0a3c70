import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { maxLogins } from '../../../src/store/logins.js'
import { openRig, type Rig } from '../rig.js'

describe('where an app comes from', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
    await rig.client.apps.create({ name: 'blog' })
  })
  after(() => rig[Symbol.asyncDispose]())

  const app = 'blog'
  const info = async () => contract.git.info.reply.parse(await rig.client.git.info({ app }))
  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'none',
      (error: unknown) => `${(error as { fault: string }).fault}: ${(error as Error).message}`,
    )

  it('is said by a URL, without a password, and can be forgotten', async () => {
    expect(await info()).to.deep.equal({
      ...{ origin: null, source: null, webhook: null, deployBranch: null, logins: [] },
      ...{ key: null, hosts: [] },
    })
    const origin = 'https://git.example.com/you/blog.git'
    expect((await rig.client.git.update({ app, origin })).origin).to.equal(origin)
    for (const [bad, words] of [
      ['https://you:secret@host/blog', /^invalid: the origin is no place for a password/],
      ['/srv/blog', /^invalid: origin: .*is a path/],
      ['../blog', /^invalid: origin: .*is a path/],
    ] as const)
      expect(await refusal(rig.client.git.update({ app, origin: bad })), bad).to.match(words)
    expect((await info()).origin).to.equal(origin)
    expect((await rig.client.git.update({ app, origin: null })).origin).to.equal(null)
  })

  it('is reached over SSH with a key that is made once, shown by its public half, and removed', async () => {
    const made = await rig.client.git.openKey({ app })
    expect(made.publicKey).to.match(/^ssh-ed25519 \S+ berth-blog$/)
    expect([made.made, made.fingerprint]).to.satisfy(([is, print]: [boolean, string]) => is && /^SHA256:/.test(print))
    const same = await rig.client.git.openKey({ app })
    expect(same).to.deep.equal({ ...made, made: false })
    const other = await rig.client.git.openKey({ app, rotate: true })
    expect([other.made, other.publicKey === made.publicKey]).to.deep.equal([true, false])
    const said = JSON.stringify([other, await info(), await rig.client.config.get({ app })])
    expect(said)
      .to.include(other.publicKey)
      .and.not.match(/PRIVATE|privateKey/)
    expect(await rig.client.git.removeKey({ app })).to.deep.equal({ removed: true })
    expect(await rig.client.git.removeKey({ app })).to.deep.equal({ removed: false })
    expect((await info()).key).to.equal(null)
  })

  it('knows the hosts of SSH, each by one key, until it is told to forget', async () => {
    const keyOf = async () => (await rig.client.git.openKey({ app, rotate: true })).publicKey
    const [one, other] = [await keyOf(), await keyOf()]
    const trust = (host: string, key: string) => rig.client.git.trustHost({ app, host, key })
    const known = await trust('Git.Example.com:2222', `git.example.com ${one}`)
    expect(known).to.include({ host: 'git.example.com:2222', type: 'ssh-ed25519' })
    expect(await trust('git.example.com:2222', one)).to.deep.equal(known)
    expect((await info()).hosts).to.deep.equal([known])
    const changed = await refusal(trust('git.example.com:2222', other))
    expect(changed).to.match(/^conflict: git.example.com:2222 is known by another key, SHA256:/)
    for (const [host, key, words] of [
      ['a b', one, /^invalid: "a b" is no host/],
      ['host/x', one, /^invalid: "host\/x" is no host/],
      ['host', 'ssh-ed25519 AAAA', /^invalid: that is neither/],
      ['127.0.0.1', known.fingerprint, /^denied: host: .*private address/],
    ] as const)
      expect(await refusal(trust(host, key)), host).to.match(words)
    expect(await refusal(rig.client.git.showHost({ app, host: '127.0.0.1' }))).to.match(/^denied: .*private address/)
    const forget = () => rig.client.git.forgetHost({ app, host: 'git.example.com:2222' })
    expect([await forget(), await forget()].map(({ removed }) => removed)).to.deep.equal([true, false])
    expect((await trust('git.example.com:2222', other)).fingerprint).not.to.equal(known.fingerprint)
    await forget()
    await rig.client.git.removeKey({ app })
  })

  it('is kept from a repository, and says so', async () => {
    const source = { url: 'https://git.example.com/you/blog.git', ref: 'main' }
    const update = (url: string, ref: string | null = null) => rig.client.git.update({ app, source: { url, ref } })
    expect((await update(source.url, source.ref)).source).to.deep.equal(source)
    expect((await rig.client.apps.info({ app })).source).to.deep.equal(source)
    for (const [url, ref, words] of [
      ['https://you:secret@host/blog', null, /^invalid: the source is no place for a password/],
      ['git@github.com:you/blog.git;id', null, /^invalid: source: .*is no address for SSH/],
      [`ssh://git@berth.${rig.config.domain}/blog.git`, null, /^denied: source: .*is an app of this server/],
      ['/srv/blog', null, /^invalid: source: .*is a path/],
      ['ext::sh -c id', null, /^invalid: source: .*would run a program/],
      [`${rig.config.url}/blog.git`, null, /^denied: source: .*is an app of this server/],
      [source.url, '--upload-pack=id', /^invalid: .* is no name of a branch/],
      [source.url, 'a..b', /^invalid: .* is no name of a branch/],
      [source.url, 'a b', /^invalid: .* is no name of a branch/],
      [source.url, '', /^invalid: .* is no name of a branch/],
    ] as const)
      expect(await refusal(update(url, ref)), `${url} ${String(ref)}`).to.match(words)
    expect((await info()).source).to.deep.equal(source)
    const ssh = { url: 'git@github.com:you/blog.git', ref: 'main' }
    expect((await update(ssh.url, ssh.ref)).source).to.deep.equal(ssh)
    expect((await rig.client.git.update({ app, origin: ssh.url })).origin).to.equal(ssh.url)
    await update(source.url, source.ref)
    expect((await rig.client.git.update({ app, origin: null })).source).to.deep.equal(source)
    expect((await rig.client.git.update({ app, source: null })).source).to.equal(null)
    expect((await rig.client.apps.info({ app })).source).to.equal(null)
  })

  it('is synced, with all that is said, and the end in the list', async () => {
    expect(await refusal(rig.client.git.sync({ app }).then((lines) => lines.next()))).to.match(
      /^conflict: .*kept from no/,
    )
    await rig.client.git.update({ app, source: { url: 'http://127.0.0.1:9/blog', ref: null } })
    const lines = await rig.client.git.sync({ app })
    let said = ''
    let next = await lines.next()
    for (; next.done !== true; next = await lines.next()) said += next.value.text
    expect(said).to.match(/^-----> Fetching http:\/\/127.0.0.1:9\/blog\n ! {5}source: .* private address/)
    expect(next.value).to.include({ status: 'failed', cause: 'command', asked: 1, build: null })
    expect(contract.git.syncs.reply.parse(await rig.client.git.syncs({ app }))).to.deep.equal([next.value])
  })

  it('has a webhook, whose secret is told once', async () => {
    const made = contract.git.openWebhook.reply.parse(await rig.client.git.openWebhook({ app }))
    expect(made.url).to.match(new RegExp(`^${rig.config.url}/hooks/[\\w-]{22}$`))
    const { webhook } = await info()
    expect(webhook).to.deep.equal({ url: made.url, createdAt: made.createdAt })
    const again = await rig.client.git.openWebhook({ app })
    expect([again.url === made.url, again.secret === made.secret]).to.deep.equal([true, false])
    expect(JSON.stringify([await info(), await rig.client.apps.info({ app })])).not.to.include(again.secret)
    expect(await rig.client.git.closeWebhook({ app })).to.deep.equal({ removed: true })
    expect(await rig.client.git.closeWebhook({ app })).to.deep.equal({ removed: false })
    expect((await info()).webhook).to.equal(null)
  })

  it('has a password for a host, which is never shown and goes with the app', async () => {
    const set = (host: string, user = 'ada', password = 'hunter2') =>
      rig.client.git.authorize({ app, host, user, password })
    expect(await set('GitHub.com:443')).to.deep.equal({ host: 'github.com', user: 'ada' })
    await set('git.lan:3000', 'bob')
    const all = await info()
    expect(all.logins).to.deep.equal([
      { host: 'git.lan:3000', user: 'bob' },
      { host: 'github.com', user: 'ada' },
    ])
    expect(JSON.stringify([all, await rig.client.apps.info({ app })])).to.not.include('hunter2')
    for (const host of ['', 'https://github.com', 'a b', 'me@github.com', 'github.com/you'])
      expect(await refusal(set(host)), host).to.match(/^invalid: .* is not a host/)
    expect(await refusal(set('h', 'a:b'))).to.match(/^invalid: a user name has no colon/)
    expect(await refusal(set('h', 'a', 'x\ny'))).to.match(/^invalid: the password has more than one line/)
    expect(await rig.client.git.forget({ app, host: 'git.lan:3000' })).to.deep.equal({
      host: 'git.lan:3000',
      user: 'bob',
    })
    expect(await refusal(rig.client.git.forget({ app, host: 'git.lan:3000' }))).to.match(/^missing: there is no login/)

    const { id } = await rig.store.apps.get(app)
    for (let at = 1; at < maxLogins; at += 1) await set(`h${String(at)}`)
    expect(await refusal(set('one.more'))).to.match(/^large: /)
    await set('h1', 'again')
    await rig.store.apps.remove(id)
    expect(await rig.store.gitLogins(id).list()).to.deep.equal([])
    expect(await rig.store.redis.exists(`git:logins:${id}`, `git:ssh:${id}`)).to.equal(0)
  })
})
