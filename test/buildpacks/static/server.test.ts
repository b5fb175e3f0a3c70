import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { configurationOf } from '../../../src/buildpacks/static/configuration.js'
import { plainSettings } from '../../../src/buildpacks/static/settings.js'
import { imageRoot, serveSite, type Served } from './nginx.js'

const plain = configurationOf(plainSettings)
const big = 'lorem ipsum '.repeat(500)

/** A real nginx with the configuration of a plan. */
describe('the static server', function () {
  this.timeout(20_000)
  let site: Served
  before(async () => {
    site = await serveSite(
      {
        'index.html': '<h1>top</h1>',
        'docs/index.html': 'docs',
        'docs/page.html': 'page',
        '404.html': 'lost',
        'blog.html': 'blog',
        'blog/post.html': 'post',
        'both.html': 'beside',
        'both/index.html': 'inside',
        'empty/.keep': '',
        'big.txt': big,
        'app.0a1b2c3d4e.js': 'x',
        'report-20261129.pdf': 'x',
        'assets/index-DiwrgTda.js': 'x',
        'assets/my-document.js': 'x',
        '_next/static/chunks/main.js': 'x',
        'lib.js': 'x',
        'lib.js.gz': gzipSync('made before'),
        'empty.bin': '',
        'naïve page.html': 'naïve',
        '.env': 'SECRET=1',
        '.well-known/x': 'known',
        _redirects: '',
        '../outside.txt': 'outside',
        'link.txt': { to: '../outside.txt' },
        up: { to: '..' },
        'inside.txt': { to: 'big.txt' },
      },
      plain,
    )
  })
  after(async () => {
    const code = await site.stop()
    await site[Symbol.asyncDispose]()
    expect(code, 'it ends when told to').to.equal(0)
  })

  const textOf = async (path: string) => {
    const { status, body } = await site.get(path)
    return `${String(status)} ${body.toString()}`
  }

  for (const [path, answer] of Object.entries({
    '/': '200 <h1>top</h1>',
    '/?q=1': '200 <h1>top</h1>',
    '/docs/': '200 docs',
    '/docs/page': '200 page',
    '/docs/page.html': '200 page',
    '/nothing': '404 lost',
    '/nothing/': '404 lost',
    '/.env': '404 lost',
    '/%2eenv': '404 lost',
    '/docs/%2e%2e/.env': '404 lost',
    '/_redirects': '404 lost',
    '/.well-known/x': '200 known',
    '/link.txt': '404 lost',
    '/up/outside.txt': '404 lost',
    '/inside.txt': `200 ${big}`,
    '/empty.bin': '200 ',
    '/na%C3%AFve%20page': '200 naïve',
    '/%ff': '404 lost',
  }))
    it(`answers ${path} with ${answer.slice(0, 20)}`, async () => expect(await textOf(path)).to.equal(answer))

  for (const path of ['/../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt', '/docs/../../outside.txt', '/%00'])
    it(`refuses ${path}`, async () => expect((await site.get(path)).status).to.equal(400))

  it('sends a directory to its slash, on this site only', async () => {
    expect((await site.get('/docs?a=b')).headers.location).to.equal('/docs/?a=b')
    expect((await site.get('//docs')).headers.location).to.equal('/docs/')
  })
  it('serves a page that has a directory of its name beside it', async () => {
    for (const [path, said] of [
      ['/blog', 'blog'],
      ['/blog?a=b', 'blog'],
      ['/blog.html', 'blog'],
      ['/blog/post', 'post'],
      ['/both', 'beside'],
      ['/both/', 'inside'],
    ] as const) {
      const { status, body } = await site.get(path)
      expect({ path, status, body: body.toString() }).to.deep.equal({ path, status: 200, body: said })
    }
    expect(await site.get('/blog/?a=b')).to.have.nested.property('headers.location', '/blog?a=b')
    expect(await site.get('//blog//')).to.have.nested.property('headers.location', '/blog')
    expect(await site.get('/empty')).to.have.nested.property('headers.location', '/empty/')
    expect(await textOf('/empty/')).to.equal('404 lost')
  })
  it('takes GET and HEAD only', async () => {
    expect((await site.get('/', {}, 'POST')).status).to.equal(405)
    const head = await site.get('/big.txt', {}, 'HEAD')
    expect([head.status, head.headers['content-length'], head.body.length]).to.deep.equal([200, String(big.length), 0])
  })
  it('knows its types', async () => {
    expect((await site.get('/')).headers['content-type']).to.equal('text/html; charset=utf-8')
    expect((await site.get('/app.0a1b2c3d4e.js')).headers['content-type']).to.match(/javascript; charset=utf-8$/)
    expect((await site.get('/empty.bin')).headers['content-type']).to.equal('application/octet-stream')
  })
  it('squeezes for those who ask', async () => {
    const gzip = await site.get('/big.txt', { 'accept-encoding': 'gzip' })
    expect(gzip.headers).to.include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect(gunzipSync(gzip.body).toString()).to.equal(big)
    const brotli = await site.get('/big.txt', { 'accept-encoding': 'br, gzip' })
    expect(brotli.headers).to.include({ 'content-encoding': 'br', vary: 'Accept-Encoding' })
    expect(brotliDecompressSync(brotli.body).toString()).to.equal(big)
    expect((await site.get('/big.txt', { 'accept-encoding': 'gzip;q=0' })).headers).not.to.have.property(
      'content-encoding',
    )
    const before = await site.get('/lib.js', { 'accept-encoding': 'gzip' })
    expect(gunzipSync(before.body).toString()).to.equal('made before')
  })
  it('serves ranges', async () => {
    const range = async (value: string) => {
      const { status, headers, body } = await site.get('/big.txt', { range: value })
      return `${String(status)} ${String(headers['content-range'])} ${body.toString().slice(0, 20)}`
    }
    expect(await range('bytes=0-4')).to.equal('206 bytes 0-4/6000 lorem')
    expect(await range('bytes=-6')).to.equal('206 bytes 5994-5999/6000 ipsum ')
    expect(await range('bytes=5994-')).to.equal('206 bytes 5994-5999/6000 ipsum ')
    expect(await range('bytes=6000-')).to.match(/^416 bytes \*\/6000/)
    expect(await range('bytes=9-2')).to.match(/^416/)
  })
  it('answers 304 to those who have it, and dates nothing', async () => {
    const first = await site.get('/big.txt')
    expect(first.headers['cache-control']).to.equal('no-cache')
    expect(first.headers).not.to.have.property('last-modified')
    expect((await site.get('/big.txt', { 'if-none-match': String(first.headers.etag) })).status).to.equal(304)
    expect((await site.get('/big.txt', { 'if-none-match': 'W/"other"' })).status).to.equal(200)
    expect((await site.get('/big.txt', { 'if-modified-since': new Date().toUTCString() })).status).to.equal(200)
  })
  for (const [path, kept] of [
    ['/app.0a1b2c3d4e.js', true],
    ['/assets/index-DiwrgTda.js', true],
    ['/_next/static/chunks/main.js', true],
    ['/report-20261129.pdf', false],
    ['/assets/my-document.js', false],
    ['/gone.0a1b2c3d4e.js', false],
    ['/assets/index-DiwrgTdb.js', false],
  ] as const)
    it(`lets ${path} be ${kept ? 'kept' : 'asked for again'}`, async () => {
      const { headers } = await site.get(path)
      expect(String(headers['cache-control']).includes('immutable')).to.equal(kept)
      expect(String(headers['cache-control']).includes('no-cache')).to.equal(!kept)
    })
})

describe('the ETag of a static site', function () {
  this.timeout(20_000)
  it('is that of the time where another version cannot have the same', () => {
    using root = imageRoot({ 'old.txt': 'x', 'new.txt': 'x' }, plain)
    const [old, fresh] = ['old.txt', 'new.txt'].map((name) => join(root.directory, 'srv/site', name)) as [
      string,
      string,
    ]
    utimesSync(old, 1_700_000_000, 1_700_000_000)
    const hashed = parseInt(createHash('sha256').update('x').digest('hex').slice(0, 8), 16)
    expect(root.run('install-site')).to.deep.equal({ code: 0, said: '' })
    expect([old, fresh].map((file) => statSync(file).mtimeMs / 1000)).to.deep.equal([1_700_000_000, hashed])
    mkdirSync(join(root.directory, 'made'))
    writeFileSync(join(root.directory, 'made/old.txt'), 'x', { mode: 0o600 })
    utimesSync(join(root.directory, 'made/old.txt'), 1, 1)
    expect(root.run('install-site', join(root.directory, 'made')).code).to.equal(0)
    expect([statSync(old).mtimeMs / 1000, statSync(old).mode & 0o444]).to.deep.equal([hashed, 0o444])
  })
  it('changes with a byte of a file, and with nothing else', async () => {
    const tagOf = async (text: string): Promise<unknown> => {
      await using site = await serveSite({ 'index.html': text, 'other.txt': 'same' }, plain)
      return [(await site.get('/')).headers.etag, (await site.get('/other.txt')).headers.etag]
    }
    const [one, again, changed] = [await tagOf('aaaa'), await tagOf('aaaa'), await tagOf('aaab')] as [
      string[],
      string[],
      string[],
    ]
    expect(again).to.deep.equal(one)
    expect(changed[0]).not.to.equal(one[0])
    expect(changed[1]).to.equal(one[1])
  })
})

describe('a static server that is told to end', function () {
  this.timeout(20_000)
  it('finishes what it is answering', async () => {
    const large = Buffer.alloc(32 * 1024 * 1024, 'x')
    await using site = await serveSite({ 'index.html': '', 'large.bin': large }, plain)
    const request = httpGet({ socketPath: site.socketPath, path: '/large.bin', agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const ended = site.stop()
    let bytes = 0
    for await (const chunk of response) bytes += (chunk as Buffer).length
    expect(bytes).to.equal(large.length)
    expect(await ended).to.equal(0)
  })
})
