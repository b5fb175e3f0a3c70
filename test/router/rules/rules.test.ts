import { connect } from 'node:net'
import { expect } from 'chai'
import { hashPassword } from '../../../src/lib/password-hash.js'
import type { RoutingRules } from '../../../src/routing-rules.js'
import { Held } from '../../../src/router/rules/held.js'
import { app, router, until, type App, type TestRouter } from '../parts.js'

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('an app’s rules', () => {
  let front: TestRouter
  let blog: App
  let seen: { headers: Record<string, unknown>; body: number }[]
  let version = 0
  const rule = (rules: RoutingRules | undefined, targets = [blog.target()]) =>
    front.table.apply({
      ...{ app: 'id-blog', name: 'blog', hosts: ['blog.test'], targets, version: ++version, ...(rules && { rules }) },
    })
  const heldOf = () => front.table.find('blog.test')?.rules?.held.size
  const get = (headers: Record<string, string> = {}) => front.send('blog.test', { headers })

  beforeEach(async () => {
    front = await router({ trustedProxies: ['127.0.0.1'] })
    seen = []
    blog = await app((request, response) => {
      let body = 0
      request.on('data', (chunk: Buffer) => (body += chunk.length))
      request.on('end', () => {
        seen.push({ headers: request.headers, body })
        response.setHeader('server', 'mine')
        response.setHeader('x-powered-by', 'me')
        response.end('hello')
      })
    })
  })
  afterEach(async () => {
    await front[Symbol.asyncDispose]()
    await blog[Symbol.asyncDispose]()
  })

  it('keep out whoever does not come from a network, as the proxies in front say', async () => {
    rule({ allow: ['10.0.0.0/8'] })
    expect((await get({ 'x-forwarded-for': '10.1.1.1' })).status).to.equal(200)
    const refused = await get({ 'x-forwarded-for': '192.0.2.1' })
    expect([refused.status, refused.headers['x-berth-error']]).to.deep.equal([403, 'no-access'])
    expect(seen).to.have.length(1)
    rule(undefined)
    expect((await get({ 'x-forwarded-for': '192.0.2.1' })).status).to.equal(200)
  })

  it('ask for a password, and tell the app who it is and nothing more', async () => {
    rule({ users: { me: await hashPassword('secret') } })
    const asked = await get({ 'x-forwarded-user': 'root' })
    expect([asked.status, asked.headers['www-authenticate']]).to.deep.equal([
      401,
      'Basic realm="blog", charset="UTF-8"',
    ])
    const sent = { authorization: basic('me', 'secret'), 'x-forwarded-user': 'root' }
    const replies = await Promise.all([get(sent), get(sent), get({ ...sent, authorization: basic('me', 'no') })])
    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 401])
    expect(seen.map(({ headers }) => [headers['x-forwarded-user'], headers.authorization])).to.deep.equal([
      ['me', undefined],
      ['me', undefined],
    ])
    rule(undefined)
    await get(sent)
    expect(seen.at(-1)?.headers)
      .to.include({ authorization: sent.authorization })
      .and.to.not.have.property('x-forwarded-user')
  })

  it('hold for WebSockets as well', async () => {
    const handshake = (more = '') =>
      `GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`
    rule({ users: { me: await hashPassword('secret') } })
    expect(await front.raw(handshake()))
      .to.match(/^HTTP\/1\.1 401 /)
      .and.to.include('www-authenticate: Basic')
    expect(await front.raw(handshake(`authorization: ${basic('me', 'no')}\r\n`))).to.match(/^HTTP\/1\.1 401 /)
    rule({ maintenance: true })
    expect(await front.raw(handshake())).to.match(/^HTTP\/1\.1 503 /)
    expect(seen).to.have.length(0)
  })

  it('limit how often one asks', async () => {
    rule({ clientRate: { requests: 2, seconds: 3_600 } })
    const from = (client: string) => get({ 'x-forwarded-for': client })
    const replies = [await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')]
    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 429, 200])
    expect(replies[2]?.headers['retry-after']).to.equal('1800')
    // a deploy does not begin anew
    rule({ clientRate: { requests: 2, seconds: 3_600 } }, [blog.target('other')])
    expect((await from('192.0.2.1')).status).to.equal(429)
  })

  it('limit how long a body is, whether it says so or not', async () => {
    rule({ body: 1_000 })
    const post = (body: string, headers = {}) => front.send('blog.test', { method: 'POST', body, headers })
    expect((await post('x'.repeat(1_000))).status).to.equal(200)
    const refused = await post('x'.repeat(1_001))
    expect([refused.status, refused.headers['x-berth-error']]).to.deep.equal([413, 'body-too-large'])
    expect(seen).to.have.length(1)
    const chunk = `64\r\n${'x'.repeat(100)}\r\n`
    const head = 'POST / HTTP/1.1\r\nhost: blog.test\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n'
    expect(await front.raw(`${head}${chunk.repeat(10)}0\r\n\r\n`)).to.match(/^HTTP\/1\.1 200 /)
    expect(await front.raw(`${head}${chunk.repeat(11)}`)).to.match(/^HTTP\/1\.1 413 /)
    expect(seen.map(({ body }) => body)).to.deep.equal([1_000, 1_000])
  })

  it('change the headers of answers', async () => {
    rule({ headers: { 'x-frame-options': 'DENY', server: '', 'x-powered-by': 'Berth' } })
    const { headers } = await get()
    expect(headers)
      .to.include({ 'x-frame-options': 'DENY', 'x-powered-by': 'Berth' })
      .and.to.not.have.property('server')
  })

  it('say how long an answer may take', async () => {
    const slow = await app(() => undefined)
    try {
      rule({ timeout: 1 }, [slow.target()])
      expect((await get()).status).to.equal(504)
    } finally {
      await slow[Symbol.asyncDispose]()
    }
  })

  it('show browsers pages of its own, and everybody else ours', async () => {
    const html = { accept: 'text/html' }
    await using own = await router({ page: (digest) => (digest === 'a'.repeat(64) ? '<p>my own' : undefined) })
    const route = { app: 'id-blog', name: 'blog', hosts: ['blog.test'], targets: [] }
    own.table.apply({ ...route, version: 1, rules: { pages: { 503: 'a'.repeat(64) } } })
    const sorry = await own.send('blog.test', { headers: html })
    expect([sorry.status, sorry.body, sorry.headers['retry-after']]).to.deep.equal([503, '<p>my own', '5'])
    expect(sorry.headers).to.not.have.property('content-security-policy')
    const plain = await own.send('blog.test', { headers: { accept: 'application/json' } })
    expect(JSON.parse(plain.body)).to.include({ error: 'not-running' })
    own.table.apply({ ...route, version: 2, rules: { maintenance: true, pages: { maintenance: 'b'.repeat(64) } } })
    expect((await own.send('blog.test', { headers: html })).body).to.include('blog is in maintenance')
  })

  it('hold requests, bodies and all, and pass each on once', async () => {
    rule({ maintenance: true, hold: 60, clientRate: { requests: 20, seconds: 3_600 } })
    const all = Array.from({ length: 20 }, (_, at) => ({
      method: 'POST',
      path: `/${String(at)}`,
      body: `body ${String(at)}`,
    }))
    const replies = []
    for (const one of all) {
      replies.push(front.send('blog.test', one))
      await until(() => heldOf() === replies.length)
    }
    // a deploy lets nobody go
    rule({ maintenance: true, hold: 60, clientRate: { requests: 20, seconds: 3_600 } }, [blog.target('other')])
    expect(heldOf()).to.equal(20)
    expect(seen).to.have.length(0)
    const refused = await front.send('blog.test')
    expect(refused.status).to.equal(429)
    rule({ hold: 60 })
    expect((await Promise.all(replies)).map(({ status }) => status)).to.deep.equal(all.map(() => 200))
    // by which of 20 connections the app is reached first is the kernel's to say
    const sorted = (lengths: number[]) => lengths.sort((a, b) => a - b)
    expect(sorted(seen.map(({ body }) => body))).to.deep.equal(sorted(all.map(({ body }) => body.length)))
    expect(heldOf()).to.equal(0)
  })

  it('hold so many and for so long, and nobody who has left', async () => {
    rule({ maintenance: true, hold: 1 })
    expect((await get()).status).to.equal(503)
    rule({ maintenance: true, hold: 60 })
    const held = new Held()
    const reply = { whenClosed: (closed: () => void) => leaving.push(closed) }
    const leaving: (() => void)[] = []
    let gone = 0
    const fits = Array.from({ length: 1_001 }, () => held.add(60_000, reply, () => (gone += 1)))
    expect(fits.filter((one) => !one)).to.have.length(1)
    for (const leave of leaving) leave()
    held.release()
    expect(gone).to.equal(0)
    const order: number[] = []
    for (const at of [1, 2, 3]) held.add(60_000, reply, () => order.push(at))
    held.release()
    expect(order).to.deep.equal([1, 2, 3])
    const left = get()
    await until(() => heldOf() === 1)
    front.table.remove('id-blog')
    expect((await left).status).to.equal(503)
  })

  it('leave a client that goes while its password is checked alone', async () => {
    rule({ users: { me: await hashPassword('secret') } })
    const socket = connect(front.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`GET / HTTP/1.1\r\nhost: blog.test\r\nauthorization: ${basic('me', 'secret')}\r\n\r\n`, () =>
      socket.resetAndDestroy(),
    )
    await until(() => socket.destroyed)
    expect((await get({ authorization: basic('me', 'secret') })).status).to.equal(200)
    expect(seen).to.have.length(1)
  })
})
