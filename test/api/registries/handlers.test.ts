import { expect } from 'chai'
import { openRig, type Rig } from '../rig.js'

describe('logins at registries', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'none',
      (error: unknown) => `${(error as { fault: string }).fault}: ${(error as Error).message}`,
    )
  const login = (host: string, user = 'ada', password = 'hunter2') =>
    rig.client.registries.login({ host, user, password })

  it('are kept by host, however it is written, and never shown', async () => {
    for (const [host, kept] of [
      ['https://Reg.Example.com/v2/', 'reg.example.com'],
      ['reg.example.com:5000', 'reg.example.com:5000'],
      ['index.docker.io', 'docker.io'],
      ['localhost:5000', 'localhost:5000'],
    ] as const)
      expect(await login(host)).to.deep.equal({ host: kept, user: 'ada' })
    const all = await rig.client.registries.list({})
    expect(all.map(({ host }) => host)).to.deep.equal([
      'docker.io',
      'localhost:5000',
      'reg.example.com',
      'reg.example.com:5000',
    ])
    expect(JSON.stringify(all)).not.to.include('hunter2')
    expect(await rig.client.registries.logout({ host: 'docker.io' })).to.deep.equal({ host: 'docker.io', user: 'ada' })
    expect(await refusal(rig.client.registries.logout({ host: 'docker.io' }))).to.match(/^missing: there is no login/)
  })

  it('are refused where they make no sense', async () => {
    for (const host of ['reg example', 'a/b', 'user@host', '-x', 'x:port', ' '])
      expect(await refusal(login(host)), host).to.match(/^invalid: .*is no host of a registry/)
    expect(await refusal(login('reg.test', 'a:b'))).to.match(/^invalid: a user name/)
    expect(await refusal(login('reg.test', 'a', 'b\nc'))).to.match(/^invalid: a user name/)
  })
})
