import { expect } from 'chai'
import { readSso } from '../../src/cli/access-sso.js'
import { UsageError } from '../../src/cli/failure.js'
import { lyingIssuer, type Liar } from '../sso/liar.js'
import { setCli } from './rig.js'

describe('a sign-in on the command line', function () {
  this.timeout(20_000)
  const cli = setCli({ BERTH_SSO_PRIVATE_HOSTS: '127.0.0.1' })
  const { berth, json } = cli
  let liar: Liar
  before(async () => {
    liar = await lyingIssuer()
  })
  after(() => liar[Symbol.asyncDispose]())

  it('is set, shown without its secret, and taken back', async () => {
    await cli.api.pushed('blog')
    const gate = ['access:sso', '--issuer', liar.issuer, '--client-id', 'b', '-a', 'blog']
    const input = 'not-to-be-shown\n'
    const set = await berth([...gate, '--allow-email', '*@example.com', 'me@else.com', '--session', '2h'], { input })
    expect(set.stderr).to.equal(
      `blog lets in: signed in at ${liar.issuer} as *@example.com or me@else.com\n` +
        `tell the issuer to send people back to ${(await cli.api.client.apps.info({ app: 'blog' })).url}/.berth/sso/callback, and to the same of its other hostnames\n`,
    )
    const shown = (await berth(['access', '-a', 'blog'])).stdout
    for (const words of [`signed in at  ${liar.issuer} (client b)`, 'openid email profile', '*@example.com', '2 hours'])
      expect(shown).to.include(words)
    const said = await json(['access', '-a', 'blog', '--json'])
    expect(said).to.have.nested.property('sso.session', 7_200)
    expect(JSON.stringify(said) + shown).to.not.include('not-to-be-shown')
    expect((await berth(['access:sso', '--end-sessions', '-a', 'blog'])).stderr).to.equal(
      'everybody has to sign in to blog anew\n',
    )
    expect((await berth(['access:sso', '--off', '-a', 'blog'])).stderr).to.equal(
      'nobody has to sign in to blog any more\n',
    )
    expect((await berth(['access', '-a', 'blog'])).stdout).to.include('everybody')
    const open = await berth([...gate, '--public', '--allow-group', 'dev', '--claim', 'team=red'])
    expect(open.stderr).to.include(`signed in at ${liar.issuer} in dev, with team=red`)
    expect((await berth(gate)).stderr).to.include("there is no client's secret on standard input")
    expect((await berth(['access:sso', '-a', 'blog'])).stderr).to.include('there is no issuer')
  })

  it('is read as people write it', () => {
    const both = { issuer: 'https://i.example.com', clientId: 'b' }
    expect(readSso({ ...both, scopes: ['email'], claim: ['a=b=c'], session: '7d' })).to.deep.equal({
      ...{ ...both, emails: [], groups: [], claims: { a: 'b=c' }, scopes: ['openid', 'email'], session: 604_800 },
    })
    for (const wrong of [
      { claim: ['a'] },
      { claim: ['=a'] },
      { session: '8' },
      { session: 'long' },
      { issuer: undefined },
    ])
      expect(() => readSso({ ...both, ...wrong } as never), JSON.stringify(wrong)).to.throw(UsageError)
  })
})
