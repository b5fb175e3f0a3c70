import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { patience } from '../patience.js'
import { app, rawApp, saying } from './parts.js'
import { ask, begin, eventually, noon, type RouterUnderTest } from './plane-rig.js'
import { certificate } from './secure-rig.js'
import { Authority } from '../certificates/authority.js'

/** What a router holds to over TLS, and when it is killed: of `describeRouter`. */
export function describeRouterLife(of: () => RouterUnderTest, back: number): void {
  let front: RouterUnderTest
  before(() => void (front = of()))
  describe('passes on', () => {
    it('interim answers and trailers', async () => {
      await using blog = await rawApp((socket) =>
        socket.on('data', () =>
          socket.write(
            'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n' +
              'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 42\r\n\r\n',
          ),
        ),
      )
      await front.route('hints', [blog.target()])
      const outgoing = request({ port: front.port, headers: { host: 'hints.test' }, agent: false }).end()
      const hinted = once(outgoing, 'information') as Promise<[{ statusCode: number; headers: { link?: string } }]>
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      expect((await hinted)[0]).to.deep.include({ statusCode: 103 })
      expect(await text(answer)).to.equal('ok')
      expect(answer.trailers).to.deep.equal({ 'x-sum': '42' })
    })

    it('large bodies whole, both ways, with a length and without', async () => {
      const piece = randomBytes(1 << 20)
      const pieces = 24
      const digest = createHash('sha256')
      for (let i = 0; i < pieces; i++) digest.update(piece)
      const whole = digest.digest('hex')
      await using blog = await app((incoming, response) => {
        const sum = createHash('sha256')
        incoming.on('data', (bytes: Buffer) => sum.update(bytes))
        incoming.once('end', () => {
          response.writeHead(200, { 'x-sum': sum.digest('hex') })
          Readable.from(Array.from({ length: pieces }, () => piece)).pipe(response)
        })
      })
      await front.route('large', [blog.target()])
      for (const headers of [{}, { 'content-length': pieces * piece.length }]) {
        const body = Readable.from(Array.from({ length: pieces }, () => piece))
        const answer = await begin(front, 'large.test', { method: 'POST', headers, body })
        const sum = createHash('sha256')
        for await (const bytes of answer as AsyncIterable<Buffer>) sum.update(bytes)
        expect(answer.headers['x-sum']).to.equal(whole)
        expect(sum.digest('hex')).to.equal(whole)
      }
    })

    it('not the end of an app that hangs up: that is a page', async () => {
      await using blog = await rawApp((socket) => socket.on('data', () => socket.destroy()))
      await front.route('broken', [blog.target()])
      const { status, headers, body } = await ask(front, 'broken.test', {
        method: 'POST',
        headers: { accept: 'text/html' },
      })
      expect([status, headers['x-berth-error']]).to.deep.equal([502, 'hung-up'])
      expect(body).to.include('hung up').and.include(String(headers['x-request-id']))
    })

    it('what ends a process to one more at most, and not to all that an app has', async () => {
      let asked = 0
      const fatal = () =>
        rawApp((socket) =>
          socket.once('data', () => {
            asked += 1
            socket.destroy()
          }),
        )
      await using one = await fatal()
      await using two = await fatal()
      await using three = await fatal()
      await front.route('fatal', [one.target(), two.target(), three.target()])
      expect((await ask(front, 'fatal.test')).status).to.equal(502)
      expect(asked).to.be.within(1, 2)
    })
  })

  describe('over TLS', () => {
    const shown = async (servername: string): Promise<{ subject: string; socket: TLSSocket }> => {
      const socket = connectTls({ port: front.securePort, host: '127.0.0.1', servername, rejectUnauthorized: false })
      socket.on('error', () => undefined)
      await once(socket, 'secureConnect')
      return { subject: String(socket.getPeerCertificate().subject.CN), socket }
    }
    const subject = async (servername: string): Promise<string> => {
      const seen = await shown(servername)
      seen.socket.destroy()
      return seen.subject
    }

    it('shows an app’s certificate for its hostnames, the next one too, and cuts nobody off for it', async () => {
      await using blog = await saying('safe')
      await front.route('safe', [blog.target()], { hosts: ['safe.test', 'safe.example'] })
      const { certificates } = front.store
      const put = (name: string) => certificates.put(certificate('c1', [name, 'safe.example'], 'id-safe'))
      await put('first.example')
      await front.route('other', [blog.target()])
      await certificates.put(certificate('c2', ['other.example', 'safe.example'], 'id-other')) // not its own to show
      await eventually(async () => (await subject('safe.example')) === 'first.example')
      expect(await subject('safe.test')).to.equal('berth.test')
      expect(await subject('nobody.example')).to.equal('berth.test')
      const before = await shown('safe.example')
      await put('second.example')
      await eventually(async () => (await subject('safe.example')) === 'second.example')
      before.socket.write('GET / HTTP/1.1\r\nHost: safe.example\r\nConnection: close\r\n\r\n')
      expect(await text(before.socket)).to.match(/safe$/)
      await certificates.remove('c1')
      await eventually(async () => (await subject('safe.example')) === 'berth.test')
    })

    it('answers nothing of a host over a connection that was made for another', async () => {
      await using blog = await saying('blog')
      await using shop = await saying('shop')
      await front.route('made', [blog.target()], { hosts: ['made.test', '*.made.example'] })
      await front.route('else', [shop.target()], { hosts: ['else.test'] })
      const names = ['made.test', '*.made.example']
      await using authority = await Authority.open()
      const { cert: chain, key } = await authority.issue(null, { names })
      await front.store.certificates.put({ ...certificate('c3', names, 'id-made'), chain, key })
      const over = async (servername: string, host: string): Promise<string> => {
        const { socket } = await shown(servername)
        socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        const said = await text(socket)
        return said.slice(9, 12) === '200' ? (said.split('\r\n\r\n')[1] ?? '') : said.slice(9, 12)
      }
      await eventually(async () => (await over('made.test', 'else.test')) === '421')
      for (const host of ['else.test', 'nobody.test', 'made.example'])
        for (const named of ['made.test', 'MADE.test', 'a.made.example'])
          expect(await over(named, host), `${named} ${host}`).to.equal('421')
      for (const [named, host] of [
        ...[['made.test', 'made.test:443'] as const, ['MADE.test', 'made.test'] as const],
        ...[['made.test', 'a.made.example'] as const, ['b.made.example', 'MADE.test.'] as const],
      ])
        expect(await over(named, host), `${named} ${host}`).to.match(/blog/)
      expect(await over('else.test', 'made.test'), 'the self-signed one was shown').to.match(/blog/)
    })

    it('serves HTTP/2, a hundred streams at once, and HTTP/1', async () => {
      await using blog = await app((incoming, response) =>
        response.end(`${String(incoming.headers.host)}${String(incoming.url)}`),
      )
      await front.route('safe', [blog.target()])
      const session = connectHttp2(`https://127.0.0.1:${front.securePort}`, {
        rejectUnauthorized: false,
        servername: 'safe.test',
      })
      const streams = Array.from({ length: 100 }, (_, i) =>
        text(session.request({ ':authority': 'safe.test', ':path': `/${i}` })),
      )
      expect(await Promise.all(streams)).to.deep.equal(streams.map((_, i) => `safe.test/${i}`))
      session.destroy()
      expect((await ask(front, 'safe.test', { secure: true, path: '/one' })).body).to.equal('safe.test/one')
    })

    it('sends clients on to HTTPS, and to another hostname, where an app wants that', async () => {
      await using blog = await saying('here')
      const more = {
        hosts: ['moved.test', 'www.moved.test'],
        https: true,
        redirects: { 'www.moved.test': 'moved.test' },
      } as const
      await front.route('moved', [blog.target()], more)
      const plain = await ask(front, 'moved.test', { path: '/x?y' })
      expect([plain.status, plain.headers.location]).to.deep.equal([301, `https://moved.test:${front.securePort}/x?y`])
      const other = await ask(front, 'www.moved.test', { path: '/x', secure: true })
      expect([other.status, other.headers.location]).to.deep.equal([301, 'https://moved.test/x'])
      expect((await ask(front, 'moved.test', { secure: true })).body).to.equal('here')
    })
  })

  describe('killed', () => {
    it('is back at once with all that it led to, also while Redis is away', async () => {
      await using blog = await saying('back')
      await using soon = await saying('soon')
      for (const one of ['one', 'two', 'three']) await front.route(one, [blog.target()])
      const times: number[] = []
      try {
        for (const away of [false, true, true]) {
          if (away && times.length === 1) await front.redis.kill()
          const began = performance.now()
          await front.kill('listening')
          expect((await ask(front, 'three.test')).body).to.equal('back')
          times.push(performance.now() - began)
          for (const one of ['one', 'two']) expect((await ask(front, `${one}.test`)).body).to.equal('back')
        }
      } finally {
        await front.redis.start()
      }
      expect(Math.min(...times), 'ms, on a machine that others want too').to.be.below(back * patience)
      await eventually(async () => {
        await front.route('one', [soon.target()]).catch(() => undefined)
        return (await ask(front, 'one.test')).body === 'soon'
      })
    })

    it('learns what has changed meanwhile', async () => {
      await using blog = await saying('before')
      await using next = await saying('after')
      await front.route('change', [blog.target()])
      const killed = Promise.all([front.kill('router'), front.kill('listening').catch(() => undefined)])
      const applied = await front.route('change', [next.target()])
      await killed
      await front.traffic.whenApplied('id-change', applied, noon())
      await eventually(async () => (await ask(front, 'change.test')).body === 'after')
    })
  })
}
