import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import { promisify } from 'node:util'
import * as grpc from '@grpc/grpc-js'
import { expect } from 'chai'
import { WebSocket } from 'ws'
import type { Route } from '../../src/store/routes.js'
import { answered, grpcApp, grpcClient, metadataOf, statusOf } from './grpc-rig.js'
import { app, router, until, type TestRouter } from './parts.js'
import { certificate, secure, session, stream } from './secure-rig.js'

let version = 0
const lead = ({ table }: TestRouter, targets: Route['targets'], more: Partial<Route> = {}): boolean =>
  table.apply({
    ...{ app: 'talk', name: 'talk', hosts: ['talk.test'], targets, rules: { protocol: 'h2c' } },
    ...{ version: ++version, ...more },
  })

describe('gRPC', function () {
  this.timeout(20_000)

  for (const way of ['TLS', 'plain HTTP/2'])
    it(`is carried over ${way}: calls of all four kinds, metadata, status`, async () => {
      await using rig = await secure()
      await using open = await router()
      const front = way === 'TLS' ? rig.front : open
      const shown = certificate('talk', ['talk.test'])
      rig.certificates.put(shown)
      await using talk = await grpcApp('one')
      lead(front, [talk.target()])
      using client = grpcClient(front.port, way === 'TLS' ? { ca: shown.chain } : {})
      const said = await answered((done) => client.say('hello', metadataOf({ authorization: 'Bearer x' }), done))
      const proto = way === 'TLS' ? 'https' : 'http'
      expect(said.text).to.equal(`one hello /test.Talk/Say 127.0.0.1 ${proto} Bearer x`)
      expect([said.code, said.before?.get('x-process'), said.after.get('x-after')]).to.deep.equal([0, ['one'], ['all']])
      const failed = await answered((done) => client.say('fail', done))
      expect(failed).to.include({ code: grpc.status.FAILED_PRECONDITION, details: 'not so', text: undefined })
      expect(failed.after.get('x-why')).to.deep.equal(['because'])

      const told: string[] = []
      const tell = client.tell('500')
      tell.on('data', (piece: string) => told.push(piece))
      expect((await statusOf(tell)).metadata.get('x-after')).to.deep.equal(['all'])
      expect([told.length, told[0], told.at(-1)?.slice(0, 4)]).to.deep.equal([500, 'first', '499 '])

      const collected = await answered((done) => {
        const call = client.collect(done)
        for (let at = 0; at < 300; at++) call.write('y'.repeat(10_000))
        call.end()
        return call
      })
      expect(collected.text).to.equal('one 3000000')

      const chat = client.chat()
      const heard: string[] = []
      for (const word of ['a', 'b', 'c']) {
        chat.write(word) // the next is said when this one has been answered: nothing waits for an end
        heard.push(...((await once(chat, 'data')) as [string]))
      }
      chat.end()
      expect((await statusOf(chat)).code).to.equal(0)
      expect(heard).to.deep.equal(['one a', 'one b', 'one c'])
    })

  it('is cancelled at the app when the client does, or its deadline has passed, and counts for so long', async () => {
    await using front = await router()
    await using talk = await grpcApp('one')
    lead(front, [talk.target('old')])
    using client = grpcClient(front.port)
    const chat = client.chat()
    chat.write('a')
    await once(chat, 'data')
    lead(front, [])
    expect(front.table.state('talk').busy).to.deep.equal(['old'])
    chat.write('b')
    await once(chat, 'data')
    chat.cancel()
    expect((await statusOf(chat)).code).to.equal(grpc.status.CANCELLED)
    await until(() => talk.cancelled() === 1)
    await until(() => front.drained.length === 1)
    expect(front.table.state('talk').busy).to.deep.equal([])
    lead(front, [talk.target('new')])
    const late = client.tell('0', metadataOf({}), { deadline: Date.now() + 300 })
    late.resume()
    expect((await statusOf(late)).code).to.equal(grpc.status.DEADLINE_EXCEEDED)
    await until(() => talk.cancelled() === 2)
  })

  it('has streams that are silent for longer than an answer may take', async () => {
    await using front = await router({ firstByte: 100 })
    await using talk = await grpcApp('one', {
      say: (_: unknown, done: grpc.sendUnaryData<string>) => setTimeout(() => done(null, 'late'), 400),
    })
    lead(front, [talk.target()])
    using client = grpcClient(front.port)
    expect((await answered((done) => client.say('x', done))).text).to.equal('late')
    const tell = client.tell('3 400')
    tell.resume()
    expect((await statusOf(tell)).code).to.equal(0)
  })

  it('goes on while an app ends its session politely, and has UNAVAILABLE where a process is killed', async () => {
    await using front = await router()
    await using one = await grpcApp('one')
    lead(front, [one.target()])
    using client = grpcClient(front.port)
    const chat = client.chat()
    chat.write('a')
    await once(chat, 'data')
    const closed = new Promise((resolve) => one.server.tryShutdown(resolve)) // GOAWAY, then what is under way ends
    await using two = await grpcApp('two')
    lead(front, [one.target(), two.target()])
    for (let at = 0; at < 10; at++)
      expect((await answered((done) => client.say('hello', done))).text).to.match(/^two hello/)
    chat.write('b')
    expect(((await once(chat, 'data')) as [string])[0]).to.equal('one b')
    chat.end()
    expect((await statusOf(chat)).code).to.equal(0)
    await closed
    const cut = client.chat()
    cut.write('c')
    await once(cut, 'data')
    two.server.forceShutdown()
    expect((await statusOf(cut)).code).not.to.equal(0)
    const gone = await answered((done) => client.say('x', done))
    expect(gone.code).to.equal(grpc.status.UNAVAILABLE)
    expect(gone.details).to.include('503')
  })

  it('is shared out over processes, sticky where that is set, and follows the rules of the app', async () => {
    await using front = await router()
    await using one = await grpcApp('one')
    await using two = await grpcApp('two')
    const targets = [one.target(), two.target()]
    lead(front, targets)
    using client = grpcClient(front.port)
    const who = async (metadata = metadataOf({})) => {
      const { text = '', before, code } = await answered((done) => client.say('x', metadata, done))
      return [code === grpc.status.OK ? text.split(' ')[0] : code, before?.get('set-cookie')[0]?.toString()]
    }
    const all = await Promise.all(Array.from({ length: 250 }, () => who()))
    expect(new Set(all.map(([name]) => name)), 'more at once than a session has streams').to.deep.equal(
      new Set(['one', 'two']),
    )
    lead(front, targets, { rules: { protocol: 'h2c', sticky: true } })
    const [mine, cookie] = await who()
    for (let at = 0; at < 4; at++)
      expect((await who(metadataOf({ cookie: String(cookie).split(';')[0] ?? '' })))[0]).to.equal(mine)
    lead(front, targets, { rules: { protocol: 'h2c', users: { me: 'x' } } })
    expect(await who()).to.deep.equal([grpc.status.UNAUTHENTICATED, undefined])
    lead(front, targets, { rules: { protocol: 'h2c', maintenance: true } })
    expect(await who()).to.deep.equal([grpc.status.UNAVAILABLE, undefined])
  })
})

describe('an app that speaks HTTP/2 alone', () => {
  /** One that says what it was asked, over a real node:http2 server. */
  async function speaker() {
    const server = createServer()
    const busy = new Set<unknown>()
    server.on('stream', (one, headers) => {
      one.on('error', () => undefined)
      if (headers[':path'] === '/busy' && !busy.has(headers[':method'])) {
        busy.add(headers[':method'])
        one.close(7) // REFUSED_STREAM
        return
      }
      if (headers[':path'] === '/hints') one.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' })
      if (headers[':path'] === '/reset') {
        one.respond({ ':status': 200 })
        one.write('part')
        setTimeout(() => one.destroy(new Error('broken')), 50)
        return
      }
      let body = ''
      one.setEncoding('utf8').on('data', (piece: string) => (body += piece))
      one.on('end', () => {
        one.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'], connection: undefined }, { waitForTrailers: true })
        one.on('wantTrailers', () => one.sendTrailers({ 'x-sum': '42' }))
        one.end(JSON.stringify({ ...headers, body }))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    return {
      target: { id: `h${port}`, process: 'web.1', host: '127.0.0.1', port },
      [Symbol.asyncDispose]: () => Promise.resolve(void server.close()),
    }
  }

  it('answers clients of HTTP/1.1 and of HTTP/2, and WebSockets are told that it takes none', async () => {
    await using rig = await secure()
    await using front = await router()
    await using one = await speaker()
    for (const at of [front, rig.front]) lead(at, [one.target])
    const { status, headers, body } = await front.send('talk.test', { path: '/a?b', method: 'POST', body: 'sent' })
    const seen = JSON.parse(body) as Record<string, string>
    expect([status, headers['set-cookie']]).to.deep.equal([200, ['a=1', 'b=2']])
    expect(seen).to.include({
      ':path': '/a?b',
      ':authority': 'talk.test',
      ':method': 'POST',
      te: 'trailers',
      body: 'sent',
    })
    expect(seen).to.include({ 'x-forwarded-proto': 'http' }).and.not.to.have.any.keys('host', 'transfer-encoding')
    const raw = await front.raw(
      'POST / HTTP/1.1\r\nhost: talk.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    )
    expect(raw)
      .to.include('HTTP/1.1 200 OK')
      .and.match(/"body":"abc"}\r\n0\r\nx-sum: 42\r\n\r\n$/)
    expect(await front.raw('GET /hints HTTP/1.1\r\nhost: talk.test\r\nconnection: close\r\n\r\n')).to.match(
      /^HTTP\/1.1 103 .*\r\nlink: /,
    )
    expect(await front.raw('GET /reset HTTP/1.1\r\nhost: talk.test\r\n\r\n'), 'not whole').to.match(/part\r\n$/)
    expect((await front.send('talk.test', { method: 'HEAD' })).body).to.equal('')
    expect((await front.send('talk.test', { path: '/busy' })).status, 'what it has not begun is sent again').to.equal(
      200,
    )
    expect((await front.send('talk.test', { path: '/busy', method: 'POST', body: 'x' })).status).to.equal(502)
    const over = session(rig.front)
    const reply = await stream(over, { ':authority': 'talk.test', ':path': '/x' }, 'sent')
    expect(JSON.parse(reply.body)).to.include({ ':path': '/x', body: 'sent', 'x-forwarded-proto': 'https' })
    over.destroy()
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/`, { headers: { host: 'talk.test' } })
    expect(((await once(socket, 'error')) as [Error])[0].message).to.include('501')
  })

  it('waits for a client that does not read, and the other way round, without keeping what it does not', async () => {
    await using rig = await secure()
    const whole = 50e6
    let [written, received] = [0, 0]
    const server = createServer()
    const apps: ServerHttp2Stream[] = []
    server.on('stream', (one, headers) => {
      apps.push(one.on('error', () => undefined))
      if (headers[':method'] === 'POST') return // it does not read
      one.respond({ ':status': 200 })
      const go = (): void => {
        let hasRoom = true
        for (; hasRoom && written < whole; written += 10_000) hasRoom = one.write(Buffer.alloc(10_000))
        if (written < whole) one.once('drain', go)
        else one.end()
      }
      go()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    lead(rig.front, [{ id: 'h', process: 'web.1', host: '127.0.0.1', port }])
    const over = session(rig.front)
    const down = over.request({ ':authority': 'talk.test' })
    await once(down, 'response')
    /** What has come to rest has not moved for a while. */
    const atRest = async (bytes: () => number): Promise<number> => {
      for (let before = -1; before !== bytes(); await new Promise((resolve) => setTimeout(resolve, 300)))
        before = bytes()
      return bytes()
    }
    expect(await atRest(() => written)).to.be.lessThan(5e6)
    const up = over.request({ ':authority': 'talk.test', ':method': 'POST' })
    let sent = 0
    const go = (): void => {
      let hasRoom = true
      for (; hasRoom && sent < whole; sent += 10_000) hasRoom = up.write(Buffer.alloc(10_000))
      if (sent < whole) up.once('drain', go)
      else up.end()
    }
    go()
    expect(await atRest(() => sent)).to.be.lessThan(5e6)
    const app = apps.at(-1)
    app?.on('data', (piece: Buffer) => (received += piece.length)).once('end', () => app.respond({ ':status': 204 }))
    const answer = once(up, 'response')
    let bytes = 0
    down.on('data', (piece: Buffer) => (bytes += piece.length))
    await Promise.all([once(down, 'end'), answer])
    expect([bytes, received]).to.deep.equal([whole, whole])
    over.destroy()
    server.close()
  }).timeout(60_000)

  it('is asked by curl with prior knowledge, and by old clients on the same port', async () => {
    await using front = await router()
    await using one = await speaker()
    await using old = await app((_, response) => response.end('old'))
    front.route('old', old.target())
    const curl = async (...args: string[]) =>
      (await promisify(execFile)('curl', ['-sS', '--max-time', '5', ...args, `http://127.0.0.1:${front.port}/x`]))
        .stdout
    const asked = ['--http2-prior-knowledge', '-w', ' %{http_version}', '-H']
    const failed = await curl(...asked, 'host: old.test').then(String, () => 'no')
    expect(failed, 'nobody wants HTTP/2').not.to.equal('old 2')
    lead(front, [one.target])
    expect(await curl(...asked, 'host: talk.test')).to.match(/":authority":"talk.test".* 2$/)
    expect(await curl(...asked, 'host: old.test')).to.equal('old 2')
    expect(await curl('-H', 'host: old.test', '-w', ' %{http_version}')).to.equal('old 1.1')
    await using hasty = await router({ headTime: 300 })
    lead(hasty, [one.target])
    const slow = await hasty.raw('PRO') // as PROPFIND begins, not as the preface does
    expect(slow).to.include('408')
  }).timeout(20_000)

  it('that speaks HTTP/1.1 after all is told of as such', async () => {
    await using front = await router()
    await using old = await app((_, response) => response.end('old'))
    lead(front, [old.target()])
    const { status, headers } = await front.send('talk.test')
    expect([status, headers['x-berth-error']]).to.deep.equal([502, 'not-http2'])
    lead(front, [{ ...old.target(), port: 1 }])
    expect((await front.send('talk.test')).status).to.equal(503)
  })
})
