import { expect } from 'chai'
import { configurationOf } from '../../../src/buildpacks/static/configuration.js'
import { siteSettings } from '../../../src/buildpacks/static/read-settings.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { withTree } from '../trees.js'
import { imageRoot, serveSite, type Answer } from './nginx.js'

const page = { accept: 'text/html' }
const textOf = ({ status, headers, body }: Answer): string =>
  `${String(status)} ${status < 400 && status > 300 ? String(headers.location) : body.toString()}`

/** A site at the top of a tree, served as its files say. */
const served = (files: Readonly<Record<string, string>>, environment = {}) =>
  serveSite(
    files,
    configurationOf(withTree(files, (dir) => siteSettings(directoryTree(dir), '.').settings)),
    environment,
  )

describe('the settings of a static site', function () {
  this.timeout(20_000)

  it('are those of _redirects and _headers', async () => {
    await using site = await served({
      'index.html': 'top',
      'here.html': 'here',
      'app/index.html': 'app',
      '200.html': 'shell',
      _redirects: `# old
/old /new
/old/* /new/:splat 302
/here /elsewhere
/now /elsewhere?x=1 307!
/here.html /forced 301!
/news/:year/:id https://news.example/:id/of/:year 308
/app/* /app/index.html 200
/café%20au /lait
`,
      _headers:
        '/*\n  X-One: everywhere\n  X-Two: first\n  X-Two: second\n/here\n  X-One: here\n  Cache-Control: max-age=60\n',
    })
    for (const [path, answer] of [
      ['/old', '301 /new'],
      ['/old?a=b', '301 /new?a=b'],
      ['/old/a/b%20c', '302 /new/a/b%20c'],
      ['/here', '200 here'],
      ['/here.html', '301 /forced'],
      ['/now?y=2', '307 /elsewhere?x=1'],
      ['/news/2026/x%0d%0aA:b', '308 https://news.example/x%0d%0aA:b/of/2026'],
      ['/caf%C3%A9%20au', '301 /lait'],
      ['/app/deep', '200 app'],
      ['/other/page', '200 shell'],
    ] as const) {
      expect(textOf(await site.get(path, page)), path).to.equal(answer)
    }
    expect((await site.get('/')).headers).to.include({ 'x-one': 'everywhere', 'x-two': 'first, second' })
    expect((await site.get('/here')).headers).to.include({ 'x-one': 'here', 'cache-control': 'max-age=60' })
    expect((await site.get('/app/gone.js', page)).status).to.equal(404)
    expect((await site.get('/gone.js')).headers).to.include({ 'x-one': 'everywhere', 'cache-control': 'no-cache' })
  })

  it('never lead to another host than they name', async () => {
    await using site = await served({ 'index.html': '', _redirects: '/* /:splat 302!\n/a/* /b/:splat\n' })
    for (const path of ['//evil.example', '///evil.example/x', '//evil.example//..', '/x//evil.example'])
      expect(String((await site.get(path)).headers.location), path).to.match(/^\/(?!\/)/)
  })

  it('are those of static.json', async () => {
    await using site = await served({
      'index.html': 'top',
      'err.html': 'err',
      'admin.html': 'admin',
      'static.json': JSON.stringify({
        root: '.',
        error_page: 'err.html',
        https_only: true,
        routes: { '/admin/**': 'admin.html', '/api/*': '/api/', '/**': 'index.html' },
        redirects: { '/from': { url: '/to', status: 302 }, '/out': { url: 'https://x.example/a;b' } },
        headers: { '/**': { 'X-A': 'all' }, '/*': { 'X-B': 'one deep' } },
      }),
    })
    const get = async (path: string, headers: Record<string, string> = page) => textOf(await site.get(path, headers))
    expect(await get('/')).to.equal('200 top')
    expect(await get('/admin/users/1')).to.equal('200 admin')
    expect(await get('/any/page')).to.equal('200 top')
    expect(await get('/api/x')).to.equal('404 err')
    expect(await get('/app.js')).to.equal('404 err')
    expect(await get('/static.json')).to.equal('404 err')
    expect(await get('/from')).to.equal('302 /to')
    expect(await get('/out')).to.equal('301 https://x.example/a;b')
    expect(await get('/x?y', { host: 'a.example', 'x-forwarded-proto': 'http' })).to.equal('301 https://a.example/x?y')
    expect((await site.get('/')).headers).to.include({ 'x-a': 'all', 'x-b': 'one deep' })
    expect((await site.get('/a/b.js')).headers).not.to.have.property('x-b')
  })

  it('answer for a page where a page is wanted, and nowhere else', async () => {
    await using site = await served({ 'index.html': 'top', Staticfile: 'pushstate: enabled\n' })
    const get = async (headers: Record<string, string>) => (await site.get('/deep/page', headers)).status
    expect(await get(page)).to.equal(200)
    expect(await get({ accept: 'text/html', 'sec-fetch-mode': 'navigate' })).to.equal(200)
    expect(await get({})).to.equal(200)
    expect(await get({ accept: '*/*' })).to.equal(200)
    expect(await get({ accept: '*/*', 'sec-fetch-mode': 'cors' })).to.equal(404)
    expect(await get({ accept: 'application/json' })).to.equal(404)
    expect((await site.get('/deep/gone.js', page)).status).to.equal(404)
    expect((await site.get('/.git/config', page)).status).to.equal(404)
  })

  it('are those of a Staticfile', async () => {
    await using site = await served({
      'index.html': '<!--#echo var="QUERY_STRING" -->',
      'list/a.txt': '',
      '.hidden': 'seen',
      Staticfile: `directory: visible
ssi: enabled
host_dot_files: true
http_strict_transport_security: true
http_strict_transport_security_include_subdomains: true
`,
    })
    expect((await site.get('/?abc')).body.toString()).to.equal('abc')
    expect((await site.get('/list/')).body.toString()).to.include('a.txt')
    expect((await site.get('/.hidden')).body.toString()).to.equal('seen')
    expect((await site.get('/')).headers['strict-transport-security']).to.equal('max-age=31536000; includeSubDomains')
    expect((await site.get('/Staticfile')).status).to.equal(404)
  })

  it('send every other host to the one that counts', async () => {
    await using site = await served({
      'index.html': 'top',
      'static.json': '{"root":".","canonical_host":"www.a.example"}',
    })
    expect(textOf(await site.get('/x?y', { host: 'a.example' }))).to.equal('301 http://www.a.example/x?y')
    expect(textOf(await site.get('/', { host: 'www.a.example' }))).to.equal('200 top')
  })
})

describe('a protected static site', function () {
  this.timeout(20_000)
  const basic = (user: string) => ({ authorization: `Basic ${Buffer.from(user).toString('base64')}` })

  it('asks for the name and the password of its config vars, plain or hashed', async () => {
    for (const [password, told] of [
      ['pa:ss$word', 'pa:ss$word'],
      ['secret', '$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0'],
    ] as const) {
      const environment = { BASIC_AUTH_USERNAME: 'ann', BASIC_AUTH_PASSWORD: told }
      await using site = await served({ 'index.html': 'top' }, environment)
      expect((await site.get('/')).status).to.equal(401)
      expect((await site.get('/', basic('ann:wrong'))).status).to.equal(401)
      expect(textOf(await site.get('/', basic(`ann:${password}`)))).to.equal('200 top')
    }
  })

  it('is not served by one that does not know them, nor at a port or with workers that are none', () => {
    const configuration = configurationOf(withTree({}, (dir) => siteSettings(directoryTree(dir), '.').settings))
    using root = imageRoot({ 'index.html': '' }, configuration)
    for (const [name, value, said] of [
      ['SITE_AUTH', 'required', 'set BASIC_AUTH_USERNAME'],
      ['PORT', '80; }', 'PORT is not a number'],
      ['WEB_CONCURRENCY', 'x', 'WEB_CONCURRENCY is not a number'],
    ] as const) {
      root.env[name] = value
      const { code, said: output } = root.run('serve-site')
      expect([code, output.includes(said)], output).to.deep.equal([1, true])
      Reflect.deleteProperty(root.env, name)
    }
  })
})

/** What would end a string, a directive or a block, name a variable, or mean something to a regular expression. */
const hostile = [
  '"', "'", '\\', '\\"', '";', '"; }', '} server { listen 1; }', '$', '$uri', '${uri}', '$$', '${', '$1', '#', '# x', '~', '~*', '*', '**',
  ':splat', ':', '(', '[', '(?<x>', ')', '|', '\\Q', '\\E', '^', '.*', '%', '%00', '%0d%0a', '%zz', '€', 'ü', '\u2028', '\ud800', ' ',
  '; return 200', 'default', 'volatile', 'include /etc/passwd', '{{', '<', '>', '&', '`id`', '$(id)', 'a'.repeat(2000), '\\\\', '\\n', '\\t',
] // prettier-ignore

describe('a value from a file of a site', function () {
  this.timeout(60_000)

  it('arrives as it is, whatever it means to nginx', async () => {
    const words = hostile.flatMap((one, at) => [
      one,
      `x${one}`,
      `${one}${hostile[(at * 7 + 3) % hostile.length] ?? ''}`,
    ])
    const headers = Object.fromEntries(words.map((word, at) => [`X-H${String(at)}`, `<${word}>`]))
    const paths = words.map((word) => `/p/${word}`)
    const files = {
      'index.html': 'top',
      'static.json': JSON.stringify({
        root: '.',
        headers: { '/**': headers, ...Object.fromEntries(paths.map((path) => [path, { 'X-Path': 'x' }])) },
        redirects: Object.fromEntries(paths.map((path) => [path, { url: `/to/${path}` }])),
        routes: Object.fromEntries(paths.map((path) => [path, path])),
      }),
      _redirects: words.map((word) => `/r/${word} /t/${word} 301`).join('\n'),
      _headers: words.map((word) => `/h/${word}\n  X-H: ${word}`).join('\n'),
    }
    await using site = await served(files)
    const answer = await site.get('/')
    expect(answer.status).to.equal(200)
    for (const [name, value] of Object.entries(headers)) {
      const got = Buffer.from(String(answer.headers[name.toLowerCase()]), 'latin1').toString()
      expect(got, name).to.equal(value.toWellFormed())
    }
  })
})
