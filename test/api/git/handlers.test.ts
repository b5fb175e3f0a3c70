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
    expect(await info()).to.deep.equal({ origin: null, deployBranch: null, logins: [] })
    const origin = 'https://git.example.com/you/blog.git'
    expect((await rig.client.git.update({ app, origin })).origin).to.equal(origin)
    for (const [bad, words] of [
      ['https://you:secret@host/blog', /^invalid: the origin is no place for a password/],
      ['git@github.com:you/blog.git', /^invalid: origin: .*reached by SSH/],
      ['/srv/blog', /^invalid: origin: .*is a path/],
      ['../blog', /^invalid: origin: .*is a path/],
    ] as const)
      expect(await refusal(rig.client.git.update({ app, origin: bad })), bad).to.match(words)
    expect((await info()).origin).to.equal(origin)
    expect((await rig.client.git.update({ app, origin: null })).origin).to.equal(null)
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
    expect(await rig.store.redis.exists(`git:logins:${id}`)).to.equal(0)
  })
})
