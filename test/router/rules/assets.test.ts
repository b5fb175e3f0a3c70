import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { OutgoingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { isAsset } from '../../../src/router/rules/asset-reply.js'
import { Assets, mostHeld, type AssetLimits } from '../../../src/router/rules/assets.js'
import type { Route } from '../../../src/store/routes.js'
import { app, rawApp, router, type App, type TestRouter } from '../parts.js'

type Files = Readonly<Record<string, { readonly body: string | Buffer; readonly headers?: OutgoingHttpHeaders }>>

const forever = { 'cache-control': 'public, max-age=31536000, immutable' }

/** A release that has these files, and no others. */
const release = (files: Files): Promise<App> =>
  app((request, response) => {
    const file = files[request.url ?? '']
    if (!file) response.writeHead(404, { 'x-why': 'gone' }).end('no such file')
    else response.writeHead(200, { ...forever, ...file.headers }).end(file.body)
  })

let version = 0
const lead = ({ table }: TestRouter, targets: Route['targets'], more: Partial<Route> = {}): boolean =>
  table.apply({
    ...{ app: 'blog', name: 'blog', hosts: ['blog.test'], targets, rules: { assets: ['/static'] } },
    ...{ version: ++version, ...more },
  })

describe('files of earlier releases', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-assets-'))
  })
  afterEach(() => rm(root, { recursive: true }))
  const shelf = (limits?: AssetLimits) => new Assets(root, limits)

  it('are answered with where the new one says 404, also by the next router, and never those of another app', async () => {
    const assets = shelf()
    await using front = await router({ assets })
    const script = 'x'.repeat(100_000)
    await using old = await release({
      '/static/a.js': { body: script, headers: { etag: '"a"', 'x-own': '1' } },
      '/static/b.js': { body: 'old b' },
      '/other/c.js': { body: 'c' },
    })
    lead(front, [old.target()])
    const ask = (path: string, options: Parameters<TestRouter['send']>[1] = {}, at = front, host = 'blog.test') =>
      at.send(host, { path, ...options })
    for (const path of ['/static/a.js', '/static/b.js', '/other/c.js']) expect((await ask(path)).status).to.equal(200)
    await assets.settled()
    await using young = await release({ '/static/b.js': { body: 'new b' } })
    lead(front, [young.target()])
    const { status, headers, body } = await ask('/static/a.js')
    expect([status, body]).to.deep.equal([200, script])
    expect(headers).to.include({ ...forever, etag: '"a"', 'x-own': '1', 'x-berth-asset': 'earlier' })
    expect(headers['content-length']).to.equal('100000')
    expect(headers['x-why']).to.equal(undefined)
    expect((await ask('/static/b.js')).body, 'what the new one has is its own').to.equal('new b')
    const head = await ask('/static/a.js', { method: 'HEAD' })
    expect([head.status, head.headers['content-length'], head.body]).to.deep.equal([200, '100000', ''])
    for (const path of ['/static/c.js', '/other/c.js', '/static/a.js?x', '/static/../static/a.js', '/staticx/a.js'])
      expect((await ask(path)).status, path).to.equal(404)
    expect((await ask('/static/a.js', { method: 'POST', body: 'x' })).status).to.equal(404)
    expect((await ask('/static/a.js', { headers: { authorization: 'x' } })).status).to.equal(404)
    const twice =
      'GET /static/a.js HTTP/1.1\r\nhost: blog.test\r\n\r\nGET /static/none HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n'
    expect(await front.raw(twice), 'the connection is kept').to.match(/^HTTP\/1.1 200[^]*HTTP\/1.1 404/)

    lead(front, [young.target()], { rules: { assets: ['/static'], headers: { 'x-own': '' } } })
    expect((await ask('/static/a.js')).headers['x-own'], 'as is set now').to.equal(undefined)
    lead(front, [young.target()], { rules: { assets: ['/static'], allow: ['10.0.0.0/8'] } })
    expect((await ask('/static/a.js')).status, 'who does not get in').to.equal(403)
    lead(front, [young.target()], { app: 'shop', name: 'shop', hosts: ['shop.test'] })
    expect((await ask('/static/a.js', {}, front, 'shop.test')).status).to.equal(404)

    const again = shelf()
    await again.load()
    await using next = await router({ assets: again })
    lead(next, [young.target()])
    expect((await ask('/static/a.js', {}, next)).body).to.equal(script)
    lead(next, [young.target()], { rules: {} })
    expect((await ask('/static/a.js', {}, next)).status, 'taken back').to.equal(404)
    await again.settled()
    lead(next, [young.target()])
    expect((await ask('/static/a.js', {}, next)).status, 'and gone').to.equal(404)
    expect(await readdir(join(root, 'router/assets'))).to.deep.equal([])
  })

  it('come in a form that their client takes, compressed or not', async () => {
    const assets = shelf()
    await using front = await router({ assets })
    const text = 'let x = 1;\n'.repeat(1000)
    await using old = await release({
      '/static/a.js': { body: gzipSync(text), headers: { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } },
      '/static/b.js': { body: text, headers: { 'content-type': 'text/javascript' } },
    })
    const rules = { assets: ['/static'], compress: true } as const
    lead(front, [old.target()], { rules })
    const raw = async (path: string, accepted: string) => {
      const answer = await front.raw(
        `GET ${path} HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\naccept-encoding: ${accepted}\r\n\r\n`,
      )
      return { status: answer.slice(9, 12), coding: /content-encoding: (\w+)/.exec(answer)?.[1], answer }
    }
    for (const path of ['/static/a.js', '/static/b.js']) expect((await raw(path, 'gzip')).status).to.equal('200')
    await assets.settled()
    await using young = await release({})
    lead(front, [young.target()], { rules })
    const gzipped = await raw('/static/a.js', 'deflate, gzip;q=0.5')
    expect(gzipped).to.include({ status: '200', coding: 'gzip' })
    const body = Buffer.from(gzipped.answer.slice(gzipped.answer.indexOf('\r\n\r\n') + 4), 'latin1')
    expect(gunzipSync(body).toString()).to.equal(text)
    for (const accepted of ['gzip;q=0', 'identity', 'xgzip'])
      expect((await raw('/static/a.js', accepted)).status).to.equal('404')
    expect(await raw('/static/b.js', 'br')).to.include({ status: '200', coding: 'br' })
    expect(await raw('/static/b.js', 'identity')).to.include({ status: '200', coding: undefined })
  })

  it('are those alone that are the same for everybody, and whole', async () => {
    const says = (headers: string[], statusCode = 200) => isAsset({ statusCode, statusMessage: '', headers })
    const control = (value: string, ...more: string[]) => says(['cache-control', value, ...more])
    for (const value of ['immutable', 'public,max-age=604800', 'MAX-AGE=31536000', 'max-age=0, immutable'])
      expect(control(value), value).to.equal(true)
    for (const value of [
      '',
      'public',
      'max-age=600',
      'private, immutable',
      'no-store, immutable',
      'immutable, no-cache',
      'x-max-age=9999999',
      's-maxage=9999999',
    ])
      expect(control(value), value).to.equal(false)
    expect(control('immutable', 'vary', 'Accept-Encoding')).to.equal(true)
    for (const vary of ['cookie', 'accept-encoding, cookie', '*', 'x-forwarded-user'])
      expect(control('immutable', 'vary', vary), vary).to.equal(false)
    expect(control('immutable', 'set-cookie', 'a=1')).to.equal(false)
    expect(control('immutable', 'content-encoding', 'aes128gcm')).to.equal(false)
    expect(says(['cache-control', 'immutable'], 206)).to.equal(false)

    const assets = shelf()
    await using front = await router({ assets })
    const head = 'HTTP/1.1 200 OK\r\ncache-control: immutable\r\n'
    await using broken = await rawApp((socket) =>
      socket.once('data', (bytes) => {
        const frame = String(bytes).startsWith('GET /static/length') ? 'content-length: 100\r\n' : ''
        const chunked = String(bytes).startsWith('GET /static/chunked') ? 'transfer-encoding: chunked\r\n' : ''
        socket.end(`${head}${frame}${chunked}\r\n${chunked ? '4\r\n' : ''}part`)
      }),
    )
    lead(front, [broken.target()])
    for (const path of ['length', 'chunked', 'close'])
      await front.raw(`GET /static/${path} HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n`)
    await assets.settled()
    expect(await readdir(join(root, 'router')).catch(() => [])).to.deep.equal([])
  })

  it('are bounded, each, of an app and in all, the oldest first; what is not whole is gone', async () => {
    const each = 50_000
    const assets = shelf({ each, app: 100_000, all: 150_000 })
    await using front = await router({ assets })
    const files = (letters: string): Files =>
      Object.fromEntries(letters.split(',').map((letter) => [`/static/${letter}`, { body: letter.repeat(40_000) }]))
    await using old = await release({ ...files('a,b,c,d'), '/static/big': { body: 'x'.repeat(each + 1) } })
    await using young = await release({})
    const apps = ['blog', 'shop']
    const to = (one: App) => {
      for (const name of apps) lead(front, [one.target()], { app: name, name, hosts: [`${name}.test`] })
    }
    to(old)
    const status = async (host: string, path: string) => (await front.send(host, { path: `/static/${path}` })).status
    for (const path of ['a', 'b', 'c', 'big']) await status('blog.test', path)
    await status('shop.test', 'd')
    await assets.settled()
    to(young)
    const there = async (host: string) =>
      (
        await Promise.all(
          ['a', 'b', 'c', 'd', 'big'].map(async (path) => ((await status(host, path)) === 200 ? path : '')),
        )
      ).join('')
    expect([await there('blog.test'), await there('shop.test')]).to.deep.equal(['bc', 'd'])
    to(old)
    for (const path of ['a', 'b']) await status('shop.test', path)
    await assets.settled()
    to(young)
    const left = [await there('blog.test'), await there('shop.test')]
    expect(left.join('').length, left.join(' ')).to.equal(3)
    assets.hold(mostHeld) // as those that read slowly do
    expect(await there('shop.test'), 'no memory for more').to.equal('')
    assets.free(mostHeld)
    expect(await there('shop.test')).to.equal(left[1])
    for (const name of apps) {
      const folder = join(root, 'router/assets', name)
      for (const file of await readdir(folder)) {
        const whole = await readFile(join(folder, file))
        await writeFile(join(folder, file), whole.subarray(0, whole.length - 1))
      }
    }
    expect([await there('blog.test'), await there('shop.test')]).to.deep.equal(['', ''])
    front.table.remove('blog')
    await assets.settled()
    expect(await readdir(join(root, 'router/assets'))).to.deep.equal(['shop'])
    assets.sweep(new Set())
    await assets.settled()
    expect(await readdir(join(root, 'router/assets'))).to.deep.equal([])
  })
})
