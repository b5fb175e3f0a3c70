import { once } from 'node:events'
import { createServer, get, request } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { app, rawApp, router, until, type Reply } from './parts.js'

const shapeOf = ({ status, headers }: Reply) => [status, headers['x-berth-error']]

describe('forwarding a request', () => {
  it('carries method, path, query, headers, body and status as they are', async () => {
    await using front = await router()
    await using blog = await app((req, res) => {
      void text(req).then((body) => {
        res.writeHead(418, 'Short and stout', { 'set-cookie': ['a=1', 'b=2'], 'x-from': 'app' })
        res.end(JSON.stringify({ method: req.method, url: req.url, type: req.headers['content-type'], body }))
      })
    })
    front.route('blog', blog.target())
    const path = "//a//b/../c|{}\\'?q=%2F//x??y"
    const reply = await front.send('blog.test', {
      method: 'PATCH',
      path,
      headers: { 'content-type': 'text/x' },
      body: 'bödy',
    })
    expect(JSON.parse(reply.body)).to.deep.equal({ method: 'PATCH', url: path, type: 'text/x', body: 'bödy' })
    expect(reply.status).to.equal(418)
    expect(reply.headers).to.deep.include({ 'set-cookie': ['a=1', 'b=2'], 'x-from': 'app' })
  })

  it('tells the app who asked, and gives app and client one request id', async () => {
    await using front = await router()
    await using blog = await app((req, res) => res.end(JSON.stringify(req.headers)))
    front.route('blog', blog.target())
    const reply = await front.send('Blog.test:8080', { headers: { 'x-forwarded-for': '6.6.6.6' } })
    const seen = JSON.parse(reply.body) as Record<string, string>
    expect(seen).to.include({
      host: 'Blog.test:8080',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'Blog.test:8080',
      'x-forwarded-port': '8080',
      'x-forwarded-proto': 'http',
    })
    expect(seen['x-request-id'])
      .to.match(/^[0-9a-f-]{36}$/)
      .and.to.equal(reply.headers['x-request-id'])
  })

  it('sends the API what is addressed to it, whatever route claims its name', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-api-'))
    const server = createServer((_req, res) => res.end('the api')).listen(join(dir, 'api.sock'))
    await once(server, 'listening')
    try {
      await using front = await router({ apiSocket: join(dir, 'api.sock') })
      await using evil = await app((_req, res) => res.end('evil'))
      front.route('berth', evil.target())
      expect((await front.send('berth.test')).body).to.equal('the api')
      expect((await front.send('berth.test', { method: 'POST', body: 'x' })).body).to.equal('the api')
    } finally {
      server.close()
      server.closeAllConnections()
      await rm(dir, { recursive: true })
    }
  })

  it('spreads requests over the processes', async () => {
    await using front = await router()
    await using one = await app((_req, res) => res.end('1'))
    await using two = await app((_req, res) => res.end('2'))
    front.route('blog', one.target(), two.target())
    const bodies = []
    for (let i = 0; i < 6; i++) bodies.push((await front.send('blog.test')).body)
    expect(bodies.join('')).to.equal('121212')
  })

  it('sends on the body of a chunked DELETE in its frame, not as a second request', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await app((req, res) => {
      void text(req).then((body) => {
        seen.push(`${req.method ?? ''} ${req.url ?? ''} ${body}`)
        res.end('done')
      })
    })
    front.route('blog', blog.target())
    const inner = 'GET /smuggled HTTP/1.1\r\nhost: blog.test\r\n\r\n'
    const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`
    await front.raw(`DELETE /x HTTP/1.1\r\nhost: blog.test\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`, /done/)
    await front.raw(
      `GET /y HTTP/1.1\r\nhost: blog.test\r\nconnection: content-length, close\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`,
      /done/,
    )
    expect(seen).to.deep.equal([`DELETE /x ${inner}`, `GET /y ${inner}`])
  })

  it('answers Expect: 100-continue only for an app that is there', async () => {
    await using front = await router()
    await using blog = await app(
      (req, res) => void text(req).then((body) => res.end(`${body} ${String(req.headers.expect)}`)),
    )
    front.route('blog', blog.target())
    const outgoing = request({
      port: front.port,
      method: 'PUT',
      headers: { host: 'blog.test', expect: '100-continue' },
    })
    outgoing.flushHeaders()
    await once(outgoing, 'continue')
    const answered = once(outgoing, 'response')
    outgoing.end('payload')
    const [answer] = (await answered) as [NodeJS.ReadableStream]
    expect(await text(answer)).to.equal('payload 100-continue')
    const refused = await front.raw(
      'PUT / HTTP/1.1\r\nhost: nope.test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n',
    )
    expect(refused).to.match(/^HTTP\/1\.1 404 /)
  })

  it('serves HEAD, HTTP/1.0 and trailers', async () => {
    await using front = await router()
    await using blog = await app((req, res) => {
      if (req.method === 'HEAD') return res.setHeader('content-length', 7).end()
      res.setHeader('trailer', 'x-sum')
      res.write('body')
      res.addTrailers({ 'x-sum': '42' })
      return res.end()
    })
    front.route('blog', blog.target())
    const head = await front.raw('HEAD / HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n')
    expect(head)
      .to.match(/^HTTP\/1\.1 200 OK\r\n/)
      .and.to.match(/content-length: 7/)
    const old = await front.raw('GET / HTTP/1.0\r\nhost: blog.test\r\n\r\n')
    expect(old)
      .to.match(/\r\n\r\nbody$/)
      .and.not.to.match(/chunked/i)
    const chunked = await front.raw('GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n')
    expect(chunked).to.match(/4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n$/)
  })

  it('ignores an upgrade to something other than WebSocket, as h2c', async () => {
    await using front = await router()
    await using blog = await app(
      (req, res) => void text(req).then((body) => res.end(`plain ${String(req.headers.upgrade)} ${body}`)),
    )
    front.route('blog', blog.target())
    const upgrade = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n'
    expect(await front.raw(`GET / HTTP/1.1\r\nhost: blog.test\r\n${upgrade}\r\n`, /plain/)).to.match(
      /plain undefined $|plain undefined/,
    )
    const post = await front.raw(
      `POST / HTTP/1.1\r\nhost: blog.test\r\n${upgrade}content-length: 4\r\n\r\nbody`,
      /plain/,
    )
    expect(post).to.match(/plain undefined body/)
  })
})

describe('when an app fails', () => {
  it('says 503 for one without processes and for one that refuses, and when to come back', async () => {
    await using front = await router()
    front.route('empty')
    const gone = await app(() => undefined)
    front.route('gone', gone.target())
    await gone[Symbol.asyncDispose]()
    for (const host of ['empty.test', 'gone.test'])
      for (const method of ['GET', 'POST']) {
        const reply = await front.send(host, { method, ...(method === 'POST' ? { body: 'x' } : {}) })
        expect(shapeOf(reply)).to.deep.equal([503, 'not-running'])
        expect(reply.headers['retry-after']).to.equal('5')
      }
    expect(shapeOf(await front.send('berth.test'))).to.deep.equal([503, 'api-away'])
  })

  it('sends a request of any kind to another process when one refuses', async () => {
    await using front = await router()
    await using up = await app((req, res) => void text(req).then((body) => res.end(`up ${body}`)))
    const down = await app(() => undefined)
    front.route('blog', down.target(), up.target())
    await down[Symbol.asyncDispose]()
    for (let i = 0; i < 4; i++) {
      expect((await front.send('blog.test')).body).to.equal('up ')
      expect((await front.send('blog.test', { method: 'POST', body: `order ${i}` })).body).to.equal(`up order ${i}`)
    }
  })

  it('says 502 when the app hangs up, and sends nothing twice', async () => {
    await using front = await router()
    let requests = 0
    await using blog = await rawApp((socket) =>
      socket.once('data', () => {
        requests++
        socket.destroy()
      }),
    )
    front.route('blog', blog.target())
    expect(shapeOf(await front.send('blog.test', { method: 'POST', body: 'pay' }))).to.deep.equal([502, 'hung-up'])
    expect(shapeOf(await front.send('blog.test'))).to.deep.equal([502, 'hung-up'])
    expect(requests).to.equal(2)
  })

  for (const [what, answer] of [
    ['no HTTP', 'SMTP ready\r\n\r\n'],
    ['an impossible status', 'HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n'],
    ['two frames for its body', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ] as const)
    it(`says 502 when the app answers with ${what}`, async () => {
      await using front = await router()
      await using blog = await rawApp((socket) => socket.once('data', () => socket.write(answer)))
      front.route('blog', blog.target())
      expect(shapeOf(await front.send('blog.test'))).to.deep.equal([502, 'hung-up'])
    })

  it('leaves out a reason phrase that cannot be written', async () => {
    await using front = await router()
    await using blog = await rawApp((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 \x01\x80bad\r\ncontent-length: 2\r\n\r\nok')),
    )
    front.route('blog', blog.target())
    expect((await front.send('blog.test')).status).to.be.oneOf([200, 502])
    expect((await front.send('nope.test')).status, 'the router is alive').to.equal(404)
  })

  it('says 504 when the app does not begin its answer, and lets go of it', async () => {
    await using front = await router({ firstByte: 60 })
    await using blog = await app((req) => void req.resume())
    front.route('blog', blog.target())
    expect(shapeOf(await front.send('blog.test'))).to.deep.equal([504, 'too-slow'])
    expect(shapeOf(await front.send('blog.test', { method: 'POST', body: 'x' }))).to.deep.equal([504, 'too-slow'])
    await until(() => blog.sockets.size === 0)
  })

  it('says 408 when it is the client who does not go on', async () => {
    await using front = await router({ firstByte: 60 })
    await using blog = await app((req) => void req.resume())
    front.route('blog', blog.target())
    const reply = await front.raw('POST / HTTP/1.1\r\nhost: blog.test\r\ncontent-length: 10\r\n\r\nhalf')
    expect(reply).to.match(/^HTTP\/1\.1 408 /)
  })

  it('does not count the time of an upload that moves', async () => {
    await using front = await router({ firstByte: 150 })
    await using blog = await app((req, res) => void text(req).then((body) => res.end(String(body.length))))
    front.route('blog', blog.target())
    const outgoing = request({ port: front.port, method: 'POST', headers: { host: 'blog.test' } })
    const answered = once(outgoing, 'response')
    const timer = setInterval(() => outgoing.write('x'), 50)
    setTimeout(() => {
      clearInterval(timer)
      outgoing.end()
    }, 400)
    const [answer] = (await answered) as [{ statusCode: number }]
    expect(answer.statusCode).to.equal(200)
  })

  for (const frame of ['content-length: 100', 'transfer-encoding: chunked'])
    it(`tells the client when the app dies in the middle of a body (${frame})`, async () => {
      await using front = await router()
      await using blog = await rawApp((socket) =>
        socket.once('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\n${frame}\r\n\r\n${frame.startsWith('t') ? '4\r\nhalf\r\n' : 'half'}`)
          setTimeout(() => socket.destroy(), 20)
        }),
      )
      front.route('blog', blog.target())
      const error = await front.send('blog.test').then(
        () => undefined,
        (e: unknown) => e as NodeJS.ErrnoException,
      )
      expect(error?.code).to.equal('ECONNRESET')
    })

  it('lets go of the app when the client leaves, before the answer and in the middle of it', async () => {
    await using front = await router()
    const closed: string[] = []
    await using blog = await app((req, res) => {
      res.once('close', () => closed.push(req.url ?? ''))
      if (req.url === '/endless') res.write('some')
    })
    front.route('blog', blog.target())
    const pending = get({ port: front.port, path: '/pending', headers: { host: 'blog.test' } }).on(
      'error',
      () => undefined,
    )
    await until(() => blog.sockets.size === 1)
    pending.destroy()
    await until(() => closed.includes('/pending'))
    const endless = get({ port: front.port, path: '/endless', headers: { host: 'blog.test' } })
    const [answer] = (await once(endless, 'response')) as [NodeJS.ReadableStream]
    await once(answer, 'data')
    endless.destroy()
    await until(() => closed.includes('/endless'))
  })
})
