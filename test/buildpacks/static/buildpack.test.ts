import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { planOf } from '../trees.js'

describe('a static site', () => {
  it('is served from where its index.html is', () => {
    const plan = planOf({ 'public/index.html': 'hi' })
    expect(plan.dockerfile)
      .to.include('COPY public /srv/site\n')
      .and.to.match(/^FROM node:24-bookworm-slim\n/)
    expect(plan.processTypes).to.deep.equal({ web: 'node /srv/server.mjs' })
    expect(plan.notes).to.deep.equal(['serving public/'])
  })
})

/** The server as the image has it, with the Dockerfile's own text of it. */
describe('the static server', () => {
  let dir: string
  let server: ChildProcess
  let port: number
  const big = 'lorem ipsum '.repeat(500)

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'berth-static-'))
    const { dockerfile } = planOf({ 'index.html': '' })
    const text = /<<'SERVER'[^\n]*\n([\s\S]*?\n)SERVER\n/.exec(dockerfile)?.[1]
    writeFileSync(join(dir, 'server.mjs'), text ?? '')
    const site = join(dir, 'site')
    mkdirSync(join(site, 'docs'), { recursive: true })
    mkdirSync(join(site, '.well-known'))
    writeFileSync(join(site, 'index.html'), '<h1>top</h1>')
    writeFileSync(join(site, 'docs/index.html'), 'docs')
    writeFileSync(join(site, 'docs/page.html'), 'page')
    writeFileSync(join(site, '404.html'), 'lost')
    for (const name of ['blog', 'both', 'empty']) mkdirSync(join(site, name))
    writeFileSync(join(site, 'blog.html'), 'blog')
    writeFileSync(join(site, 'blog/post.html'), 'post')
    writeFileSync(join(site, 'both.html'), 'beside')
    writeFileSync(join(site, 'both/index.html'), 'inside')
    writeFileSync(join(site, 'big.txt'), big)
    writeFileSync(join(site, 'app.0a1b2c3d4e.js'), 'x')
    writeFileSync(join(site, 'empty.bin'), '')
    writeFileSync(join(site, '.env'), 'SECRET=1')
    writeFileSync(join(site, '.well-known/x'), 'known')
    writeFileSync(join(dir, 'outside.txt'), 'outside')
    symlinkSync('../outside.txt', join(site, 'link.txt'))
    symlinkSync('big.txt', join(site, 'inside.txt'))
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    port = (free.address() as AddressInfo).port
    free.close()
    await once(free, 'close')
    const env = { SITE: site, PORT: String(port), HOST: '127.0.0.1' }
    server = spawn(process.execPath, [join(dir, 'server.mjs')], { env, stdio: 'inherit' })
    for (;;) {
      if (server.exitCode !== null) throw new Error('it did not start')
      if (await get('/').catch(() => null)) break
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  after(async () => {
    const gone = once(server, 'exit')
    server.kill('SIGTERM')
    const [code] = (await gone) as [number | null]
    rmSync(dir, { recursive: true })
    expect(code, 'it ends when told to').to.equal(0)
  })

  /** node:http sends a path as it is; fetch would tidy it. */
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }>(
      (resolve, reject) => {
        request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          )
        })
          .on('error', reject)
          .end()
      },
    )
  const textOf = async (path: string) => {
    const { status, body } = await get(path)
    return `${status} ${body.toString()}`
  }

  for (const [path, answer] of Object.entries({
    '/': '200 <h1>top</h1>',
    '/?q=1': '200 <h1>top</h1>',
    '/docs/': '200 docs',
    '/docs/page': '200 page',
    '/docs/page.html': '200 page',
    '/nothing': '404 lost',
    '/.env': '404 lost',
    '/%2eenv': '404 lost',
    '/.well-known/x': '200 known',
    '/link.txt': '404 lost',
    '/inside.txt': `200 ${big}`,
    '/../outside.txt': '404 lost',
    '/%2e%2e/outside.txt': '404 lost',
    '/..%2foutside.txt': '404 lost',
    '/docs/../../outside.txt': '404 lost',
    '/%00': '404 lost',
    '/empty.bin': '200 ',
  }))
    it(`answers ${path} with ${answer.slice(0, 20)}`, async () => expect(await textOf(path)).to.equal(answer))

  it('answers a path that is not UTF-8 with 400', async () => expect((await get('/%ff')).status).to.equal(400))
  it('sends a directory to its slash, on this site only', async () => {
    expect((await get('/docs?a=b')).headers.location).to.equal('/docs/?a=b')
    expect((await get('//docs')).headers.location).to.equal('/docs/')
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
      const { status, body } = await get(path)
      expect({ path, status, body: body.toString() }).to.deep.equal({ path, status: 200, body: said })
    }
    expect(await get('/blog/?a=b')).to.have.nested.property('headers.location', '/blog?a=b')
    expect(await get('//blog//')).to.have.nested.property('headers.location', '/blog')
    expect(await get('/empty')).to.have.nested.property('headers.location', '/empty/')
    expect((await get('/empty/')).status).to.equal(404)
  })
  it('takes GET and HEAD only', async () => {
    expect((await get('/', {}, 'POST')).status).to.equal(405)
    const head = await get('/big.txt', {}, 'HEAD')
    expect([head.status, head.headers['content-length'], head.body.length]).to.deep.equal([200, String(big.length), 0])
  })
  it('knows its types', async () => {
    expect((await get('/')).headers['content-type']).to.equal('text/html; charset=utf-8')
    expect((await get('/empty.bin')).headers['content-type']).to.equal('application/octet-stream')
  })
  it('squeezes for those who ask', async () => {
    const answer = await get('/big.txt', { 'accept-encoding': 'br, gzip' })
    expect(answer.headers).to.include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect(gunzipSync(answer.body).toString()).to.equal(big)
    expect((await get('/big.txt', { 'accept-encoding': 'gzip;q=0' })).headers).not.to.have.property('content-encoding')
  })
  it('serves ranges', async () => {
    const range = async (value: string) => {
      const { status, headers, body } = await get('/big.txt', { range: value })
      return `${status} ${String(headers['content-range'])} ${body.toString().slice(0, 20)}`
    }
    expect(await range('bytes=0-4')).to.equal('206 bytes 0-4/6000 lorem')
    expect(await range('bytes=-6')).to.equal('206 bytes 5994-5999/6000 ipsum ')
    expect(await range('bytes=5994-')).to.equal('206 bytes 5994-5999/6000 ipsum ')
    expect(await range('bytes=6000-')).to.match(/^416 bytes \*\/6000/)
    expect(await range('bytes=9-2')).to.match(/^416/)
    expect(await range('lines=1-2')).to.match(/^200/)
  })
  it('answers 304 to those who have it, and lets hashed names be kept', async () => {
    const first = await get('/big.txt')
    expect(first.headers['cache-control']).to.equal('no-cache')
    expect((await get('/big.txt', { 'if-none-match': String(first.headers.etag) })).status).to.equal(304)
    expect((await get('/big.txt', { 'if-none-match': 'W/"other"' })).status).to.equal(200)
    expect((await get('/app.0a1b2c3d4e.js')).headers['cache-control']).to.include('immutable')
  })
})
