import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { codingFor, compressedHead, isCompressible } from '../../../src/router/rules/compress.js'
import { app, router, until, type TestRouter } from '../parts.js'

describe('what a client takes', () => {
  for (const [accepted, coding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.1, gzip;q=0.9', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['gzip;q=0', undefined],
    ['identity', undefined],
    ['', undefined],
    [undefined, undefined],
    ['gzip;q=nonsense', undefined],
    ['GZIP', 'gzip'],
    ['x'.repeat(100_000), undefined],
  ] as const)
    it(`${String(accepted).slice(0, 40)}: ${String(coding)}`, () => {
      expect(codingFor(accepted)).to.equal(coding)
    })
})

describe('an answer', () => {
  const head = (...headers: string[]) => ({ statusCode: 200, statusMessage: 'OK', headers })
  const long = { kind: 'length', bytes: 5_000 } as const

  it('is compressed when it is text, long, and as its app left it', () => {
    for (const type of [
      'text/html; charset=utf-8',
      'text/css',
      'application/json',
      'image/svg+xml',
      'application/ld+json',
      'TEXT/PLAIN',
    ])
      expect(isCompressible(head('content-type', type), long), type).to.equal(true)
    expect(isCompressible(head('content-type', 'text/html'), { kind: 'chunked' })).to.equal(true)
    const not = [
      isCompressible(head('content-type', 'image/png'), long),
      isCompressible(head('content-type', 'text/event-stream'), { kind: 'chunked' }),
      isCompressible(head(), long),
      isCompressible(head('content-type', 'text/html'), { kind: 'length', bytes: 999 }),
      isCompressible(head('content-type', 'text/html'), { kind: 'none' }),
      isCompressible(head('content-type', 'text/html', 'content-encoding', 'gzip'), long),
      isCompressible(head('content-type', 'text/html', 'cache-control', 'public, no-transform'), long),
      isCompressible({ ...head('content-type', 'text/html'), statusCode: 206 }, long),
    ]
    expect(not).to.deep.equal(not.map(() => false))
  })

  it('says what it has become', () => {
    const before = [
      'content-type',
      'text/css',
      'content-length',
      '5000',
      'etag',
      '"a"',
      'vary',
      'Origin',
      'accept-ranges',
      'bytes',
    ]
    expect(compressedHead(head(...before), 'br').headers).to.deep.equal([
      ...['content-type', 'text/css', 'etag', 'W/"a"', 'vary', 'Origin, accept-encoding', 'content-encoding', 'br'],
    ])
    expect(compressedHead(head('vary', '*'), 'gzip').headers.slice(0, 2)).to.deep.equal(['vary', '*'])
    expect(compressedHead(head('etag', 'W/"a"', 'vary', 'Accept-Encoding'), 'gzip').headers.slice(0, 4)).to.deep.equal([
      ...['etag', 'W/"a"', 'vary', 'Accept-Encoding'],
    ])
  })
})

describe('a router that compresses', () => {
  const page = '<p>hello</p>\n'.repeat(20_000)
  const ruled = (front: TestRouter, target: Parameters<TestRouter['route']>[1]) =>
    front.table.apply({
      ...{
        app: 'id-blog',
        name: 'blog',
        hosts: ['blog.test'],
        targets: [target],
        version: 1,
        rules: { compress: true },
      },
    })
  async function ask(front: TestRouter, headers: Record<string, string>): Promise<IncomingMessage> {
    const outgoing = request({
      host: '127.0.0.1',
      port: front.port,
      agent: false,
      headers: { host: 'blog.test', ...headers },
    })
    const [answer] = (await once(outgoing.end(), 'response')) as [IncomingMessage]
    return answer
  }

  it('sends the same in fewer bytes, to those who take it', async () => {
    await using front = await router()
    await using blog = await app((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(page)
    })
    ruled(front, blog.target())
    for (const [coding, read] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync],
    ] as const) {
      const answer = await ask(front, { 'accept-encoding': coding })
      expect(answer.headers).to.include({ 'content-encoding': coding, vary: 'accept-encoding' })
      const bytes = await buffer(answer)
      expect(bytes.length).to.be.below(page.length / 20)
      expect(read(bytes).toString()).to.equal(page)
    }
    const plain = await ask(front, {})
    expect(plain.headers)
      .to.include({ 'content-length': String(page.length) })
      .and.not.have.property('content-encoding')
    expect((await buffer(plain)).toString()).to.equal(page)
  })

  it('holds nothing back', async () => {
    await using front = await router()
    const sent = Promise.withResolvers<() => void>()
    await using blog = await app((_, response) => {
      response.setHeader('content-type', 'text/plain')
      response.write('first line\n')
      sent.resolve(() => response.end('last line\n'))
    })
    ruled(front, blog.target())
    const answer = await ask(front, { 'accept-encoding': 'gzip' })
    let seen = ''
    answer.pipe(createGunzip()).on('data', (piece: Buffer) => (seen += piece.toString()))
    await until(() => seen === 'first line\n')
    const end = await sent.promise
    end()
    await once(answer, 'end')
    await until(() => seen === 'first line\nlast line\n')
  })

  it('cuts off what its app cuts off', async () => {
    await using front = await router()
    await using blog = await app((_, response) => {
      response.setHeader('content-type', 'text/plain')
      response.write('x'.repeat(100_000), () => response.destroy())
    })
    ruled(front, blog.target())
    const answer = await ask(front, { 'accept-encoding': 'gzip' })
    const ended = await buffer(answer).then(
      () => 'whole',
      () => 'cut',
    )
    expect(ended).to.equal('cut')
  })
})
