import { expect } from 'chai'
import type { DomainCheck, DomainView } from '../../src/api/contract.js'
import { shownCheck } from '../../src/cli/domains.js'
import { certified } from '../../src/cli/platform.js'
import { setCli } from './rig.js'

describe('domains on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('adds, lists, removes and clears', async () => {
    await cli.api.pushed('blog')
    const added = await berth(['domains:add', 'www.example.org', 'müller.example', '*.example.net', '-a', 'blog'])
    expect(added.code, added.stderr).to.equal(0)
    expect(added.stderr).to.equal(
      'blog answers at www.example.org, müller.example (xn--mller-kva.example), *.example.net, as soon as DNS leads there\n',
    )
    const { stdout } = await berth(['domains', '-a', 'blog'])
    expect(stdout).to.match(
      /^=== blog Domains\n\nblog\.localhost +by its name +no certificate\n\*\.example\.net +since \d{4}-.*\nwww\.example\.org +since .*\nmüller\.example \(xn--mller-kva\.example\) +since .*\n$/,
    )
    expect((await berth(['domains:remove', '*.example.net', '-a', 'blog'])).stderr).to.equal(
      'Removed *.example.net from blog\n',
    )
    const all = (await json(['domains:list', '-a', 'blog', '--json'])) as DomainView[]
    expect(all.map(({ host }) => host)).to.deep.equal(['blog.localhost', 'www.example.org', 'xn--mller-kva.example'])
    expect((await berth(['domains:clear', '-a', 'blog'])).stderr).to.include('say so with `--confirm blog`')
    expect((await berth(['domains:clear', '--confirm', 'blog', '-a', 'blog'])).stderr).to.equal(
      'Removed www.example.org, müller.example (xn--mller-kva.example) from blog\n',
    )
    expect((await berth(['domains:clear', '--confirm', 'blog', '-a', 'blog'])).stderr).to.equal(
      'blog has no domains but its own\n',
    )
  })

  it('leads paths to other apps', async () => {
    await cli.api.pushed('whole')
    await cli.api.pushed('part')
    await berth(['domains:add', 'parts.example', '-a', 'whole'])
    const said = async (...args: string[]) => (await berth([...args, '-a', 'part'])).stderr
    expect(await said('domains:add', 'parts.example', '--strip')).to.include('--strip takes away a path')
    expect(await said('domains:add', 'parts.example', '--path', '/api', '--strip')).to.equal(
      'part answers at parts.example/api, as soon as DNS leads there\n',
    )
    expect((await berth(['domains', '-a', 'whole'])).stdout).to.match(/^parts\.example\/api +led to part$/m)
    expect((await berth(['domains', '-a', 'part'])).stdout).to.match(
      /^parts\.example\/api +of whole, asked without the path +no certificate$/m,
    )
    await berth(['domains:remove', 'parts.example', '-a', 'whole'])
    expect((await berth(['domains', '-a', 'part'])).stdout).to.match(
      /^parts\.example\/api +leads nowhere: the hostname/m,
    )
    expect(await said('domains:remove', 'parts.example', '--path', '/api')).to.equal(
      'Removed parts.example/api from part\n',
    )
  })

  it('sends clients on', async () => {
    await cli.api.pushed('moved')
    await berth(['domains:add', 'moved.example', 'www.moved.example', '-a', 'moved'])
    const said = async (...args: string[]) => (await berth(['domains:redirect', ...args, '-a', 'moved'])).stderr
    expect(await said('www.moved.example', 'moved.example')).to.equal(
      'Clients of www.moved.example are sent on to moved.example\n',
    )
    expect((await berth(['domains', '-a', 'moved'])).stdout).to.match(
      /^www\.moved\.example +to moved\.example +no cert/m,
    )
    expect(await said('www.moved.example')).to.include('say --off')
    expect(await said('www.moved.example', '--off')).to.equal('moved answers at www.moved.example again\n')
  })

  it('sends clients on to HTTPS, or not', async () => {
    await cli.api.pushed('plain')
    const said = async (word: string) => (await berth(['domains:https', word, '-a', 'plain'])).stderr
    expect(await said('maybe')).to.include('"maybe" is neither on nor off')
    expect(await said('on'))
      .to.include('this Berth has no HTTPS')
      .and.include('BERTH_HTTPS_PORT')
    expect(await said('off')).to.equal('plain answers by plain HTTP, too\n')
    const hsts = async (text: string) => (await berth(['domains:https', 'off', '--hsts', text, '-a', 'plain'])).stderr
    expect(await hsts('soon'))
      .to.include('"soon" is no duration')
      .and.include('30d or 12h')
    expect(await hsts('30d')).to.include('where plain HTTP is answered')
    expect(await hsts('0')).to.include('Browsers are told to forget')
  })

  it('checks where they lead', async () => {
    await cli.api.pushed('checked')
    const checked = await berth(['domains:check', '-a', 'checked'])
    expect([checked.code, checked.stdout]).to.deep.equal([0, 'checked.localhost: leads here\n'])
    const own = await berth(['domains:check', '--platform'])
    expect([own.code, own.stdout]).to.deep.equal([0, 'berth.localhost: leads here\n*.localhost: leads here\n'])
    expect((await berth(['domains:check', '--platform', '-a', 'checked'])).code).to.not.equal(0)
    expect(shownCheck({ ...wrong, cname: null, should: ['x.example. A 192.0.2.1'] })).to.equal(
      'x.example: leads to 192.0.2.7, which is not here\n    should be:  x.example. A 192.0.2.1',
    )
    const should = ['www.x.example. A 192.0.2.1', 'www.x.example. CNAME blog.y.example.']
    expect(shownCheck({ ...wrong, cname: 'y.example', should })).to.equal(
      'x.example: leads to 192.0.2.7, which is not here (by a CNAME to y.example)\n' +
        '    should be:  www.x.example. A 192.0.2.1\n    or instead: www.x.example. CNAME blog.y.example.',
    )
  })

  it('says how it is with their certificates', () => {
    const none = { certificate: null, order: null, unordered: null }
    const order = { failures: 0, failure: null, next: '2026-11-30T12:00:00.000Z', renew: null, ca: 'ca.example' }
    const certificate = { id: '1', source: 'acme' as const, notAfter: '2020-01-01T00:00:00.000Z' }
    expect(certified(none)).to.equal('no certificate')
    expect(certified({ ...none, unordered: 'so' })).to.equal('no certificate: so')
    expect(certified({ ...none, order })).to.equal('no certificate yet: it is being ordered')
    expect(certified({ ...none, certificate, order })).to.equal('certificate until 2020-01-01 (EXPIRED)')
    expect(certified({ ...none, order: { ...order, failures: 3, failure: 'why' } })).to.match(
      /^no certificate; FAILED 3 times, by ca.example last, again at 2026-11-30 .*: why$/,
    )
  })

  const wrong: Omit<DomainCheck, 'cname' | 'should'> = {
    ...{ host: 'x.example', shown: 'x.example', status: 'elsewhere', addresses: ['192.0.2.7'] },
    says: 'leads to 192.0.2.7, which is not here',
  }

  it('says who has a hostname, and what is none', async () => {
    await cli.api.pushed('one')
    await cli.api.pushed('two')
    await berth(['domains:add', 'shop.example.org', '-a', 'one'])
    const taken = await berth(['domains:add', 'shop.example.org', '-a', 'two'])
    expect(taken.code).to.not.equal(0)
    expect(taken.stderr).to.include('shop.example.org is a domain of one').and.include('domains:remove')
    expect((await berth(['domains:add', 'http://a.example', '-a', 'two'])).stderr).to.include('is a URL')
    expect((await berth(['domains:remove', 'a.example', '-a', 'two'])).stderr).to.include('two has no domain a.example')
  })
})
