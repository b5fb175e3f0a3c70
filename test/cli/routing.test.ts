import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { UsageError } from '../../src/cli/failure.js'
import { parseRouting, parseUnset } from '../../src/cli/routing.js'
import { setCli } from './rig.js'

describe('what is set of routing', () => {
  it('is read as people write it', () => {
    expect(
      parseRouting(['timeout=60', 'body=10M', 'rate=1000/m', 'client-rate=20/10s', 'header.X-A=b=c', 'header.Server=']),
    ).to.deep.equal({
      ...{
        timeout: 60,
        body: 10_485_760,
        rate: { requests: 1000, seconds: 60 },
        clientRate: { requests: 20, seconds: 10 },
      },
      headers: { 'X-A': 'b=c', Server: '' },
    })
    expect(parseRouting(['timeout=2m', 'compress=on', 'sticky=off', 'protocol=h2c', 'assets=/a,/b/'])).to.deep.equal({
      ...{ timeout: 120, compress: true, sticky: false, protocol: 'h2c', assets: ['/a', '/b/'] },
    })
    expect(parseUnset(['timeout', 'client-rate', 'header.X-A'])).to.deep.equal({
      timeout: null,
      clientRate: null,
      headers: { 'X-A': null },
    })
  })

  const not = [
    'timeout',
    'timeout=',
    'timeout=soon',
    'timeout=0',
    'rate=10',
    'rate=0/s',
    'rate=10/',
    'rate=1/x',
    'body=much',
    'compress=yes',
    'protocol=h3',
    'nope=1',
    'toString=1',
    '=1',
  ]
  for (const word of not)
    it(`is not "${word}"`, () => {
      expect(() => parseRouting([word])).to.throw(UsageError)
    })

  it('is not taken back under a name that there is not', () => {
    expect(() => parseUnset(['nope'])).to.throw(UsageError, /is nothing of routing/)
  })
})

describe('routing on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('sets, shows and unsets', async () => {
    await cli.api.pushed('blog')
    expect((await berth(['routing', '-a', 'blog'])).stdout).to.equal('=== blog Routing\n\nas for all apps\n')
    const set = await berth(['routing:set', 'client-rate=20/10s', 'body=10M', 'header.Server=', '-a', 'blog'])
    expect(set.stderr).to.equal('Set client-rate, body, header.Server for blog\n')
    expect((await berth(['routing', '-a', 'blog'])).stdout.split('\n').slice(2, 5)).to.deep.equal([
      'body           10M of a request at most',
      'client-rate    20 requests in 10 s, of each client',
      'header.server  (taken away)',
    ])
    await berth(['routing:unset', 'client-rate', 'header.Server', '-a', 'blog'])
    expect(await json(['routing', '-a', 'blog', '--json'])).to.deep.include({
      clientRate: null,
      headers: {},
      body: 10_485_760,
    })
    const refused = await berth(['routing:set', 'header.Content-Length=1', '-a', 'blog'])
    expect([refused.code, refused.stderr]).to.satisfy(
      ([code, said]: [number, string]) => code !== 0 && said.includes('no header that may be set'),
    )
  })

  it('says who gets in', async () => {
    await cli.api.pushed('open')
    expect((await berth(['access', '-a', 'open'])).stdout).to.equal('=== open Access\n\neverybody\n')
    expect((await berth(['access:allow', '10.0.0.0/8', '-a', 'open'])).stderr).to.equal(
      'open lets in: from 10.0.0.0/8\n',
    )
    const locked = await berth(['access:password', 'me', '-a', 'open'], { input: 'secret\n' })
    expect(locked.stderr).to.equal('open lets in: from 10.0.0.0/8, and with a password, as me\n')
    expect(await json(['access', '-a', 'open', '--json'])).to.deep.equal({
      ...{ allow: ['10.0.0.0/8'], users: ['me'], sso: null },
    })
    await berth(['access:password', 'me', '--remove', '-a', 'open'])
    expect((await berth(['access:remove', '10.0.0.0/8', '-a', 'open'])).stderr).to.equal('open lets in: everybody\n')
    expect((await berth(['access:remove', '10.0.0.0/8', '-a', 'open'])).stderr).to.include('is not among what gets in')
    expect((await berth(['access:allow', '10.0.0.0/40', '-a', 'open'])).stderr).to.include('neither an address nor')
  })

  it('turns maintenance on and off, with a page', async () => {
    await cli.api.pushed('shop')
    const page = join(cli.dir, 'soon.html')
    await writeFile(page, '<p>soon')
    expect((await berth(['maintenance', '-a', 'shop'])).stdout).to.equal('off\n')
    expect((await berth(['maintenance:on', '--page', page, '-a', 'shop'])).stderr).to.include('is in maintenance')
    expect((await berth(['maintenance', '-a', 'shop'])).stdout).to.equal('on, with a page of its own\n')
    await berth(['errors:set', '503', page, '-a', 'shop'])
    expect((await berth(['errors', '-a', 'shop'])).stdout).to.equal('503\nmaintenance\n')
    expect((await berth(['errors:unset', '503', 'maintenance', '-a', 'shop'])).stderr).to.include(
      "Berth's own page for 503, maintenance",
    )
    await berth(['maintenance:on', '--hold', '2m', '-a', 'shop'])
    expect((await berth(['maintenance', '-a', 'shop'])).stdout).to.equal('on, requests are held for 120 s\n')
    expect((await berth(['maintenance:on', '--hold', 'long', '-a', 'shop'])).stderr).to.include('not a time')
    expect((await berth(['maintenance:on', '--hold', '10m', '-a', 'shop'])).stderr).to.include('at most 300')
    expect((await berth(['maintenance:off', '-a', 'shop'])).stderr).to.equal('shop gets its requests again\n')
    expect(await json(['maintenance', '-a', 'shop', '--json'])).to.deep.equal({
      maintenance: false,
      hold: null,
      page: false,
    })
    expect((await berth(['errors:set', '404', page, '-a', 'shop'])).stderr).to.include('"404" has no page')
    expect((await berth(['errors:set', '503', join(cli.dir, 'nope'), '-a', 'shop'])).stderr).to.include(
      'there is no file',
    )
    expect((await berth(['errors:set', '503', cli.dir, '-a', 'shop'])).stderr).to.include('is no file')
    await writeFile(page, 'x'.repeat(65_537))
    expect((await berth(['errors:set', '503', page, '-a', 'shop'])).stderr).to.include('more than 64 KiB')
  })
})
