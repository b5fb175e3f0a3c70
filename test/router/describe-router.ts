import { createHash } from 'node:crypto'
import { Agent, get, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { app, type App, saying } from './parts.js'
import { ask, begin, eventually, noon, type RouterUnderTest, talk, tunnel } from './plane-rig.js'
import { describeRouterLife } from './describe-router-life.js'

/** Answers with what it was told of a request. */
const telling = (): Promise<App> => app(({ rawHeaders }, response) => response.end(JSON.stringify(rawHeaders)))

/** An app of WebSockets that sends back what it is sent. */
async function echoing(): Promise<App> {
  const one = await saying('hello')
  one.server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => {
    const accept = createHash('sha1')
      .update(`${String(incoming.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
    socket.write(`Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('error', () => undefined).pipe(socket)
  })
  return one
}

/** Whether the scheduler may stop a process by what the router says, at this moment. */
async function isHeld(front: RouterUnderTest, name: string, id: string): Promise<boolean> {
  const applied = await front.store.routes.lastApplied(`id-${name}`)
  return applied?.busy.includes(id) === true
}

/**
 * What every way of running the router holds to, whatever listens in front of it: see `docs/routing.md`.
 * @param start one that no other test has anything to do with
 * @param back ms after which it serves again when it was killed
 */
export function describeRouter(name: string, start: () => Promise<RouterUnderTest>, back = 1000): void {
  describe(`${name} as a router`, function () {
    this.timeout(60_000)
    let front: RouterUnderTest
    before(async () => (front = await start()))
    after(() => front[Symbol.asyncDispose]())

    describe('leads', () => {
      it('a hostname to its app, however it is written, and a wildcard by one label where nobody has the very name', async () => {
        await using blog = await saying('blog')
        await using shop = await saying('shop')
        await front.route('blog', [blog.target()], { hosts: ['blog.test', '*.blog.example'] })
        await front.route('shop', [shop.target()], { hosts: ['shop.test', 'own.blog.example'] })
        const cases = [
          ...['blog.test', 'BLOG.test', 'blog.test:8080', 'blog.test.', 'any.blog.example'].map((h) => [h, 'blog']),
          ...['shop.test', 'own.blog.example'].map((h) => [h, 'shop']),
        ]
        for (const [host = '', words] of cases) expect((await ask(front, host)).body, host).to.equal(words)
        for (const host of ['blog.example', 'two.any.blog.example', 'nobody.test', '127.0.0.1'])
          expect((await ask(front, host)).headers['x-berth-error'], host).to.equal('unknown-host')
        await front.forget('shop')
        await front.traffic.drained('id-shop', 0, shop.target().id, noon())
        await eventually(async () => (await ask(front, 'own.blog.example')).body === 'blog')
      })

      it('to the processes of an app in turn, and past one that is dead', async () => {
        const [a, b] = [await saying('a'), await saying('b')]
        await front.route('turn', [a.target(), b.target()])
        const answers = async () => {
          const all: string[] = []
          for (let i = 0; i < 20; i++) all.push((await ask(front, 'turn.test')).body)
          return all
        }
        const both = await answers()
        expect(both.filter((one) => one === 'a')).to.have.length(10)
        await a[Symbol.asyncDispose]()
        expect(new Set(await answers())).to.deep.equal(new Set(['b']))
        await b[Symbol.asyncDispose]()
      })

      it('to what serves an app now, from none to some and back, and says meanwhile why there is none', async () => {
        await using blog = await saying('awake')
        await front.route('nap', [], { away: 'scaled-to-zero' })
        const asleep = await ask(front, 'nap.test', { headers: { accept: 'text/html' } })
        expect(asleep).to.include({ status: 503 })
        expect(asleep.headers).to.include({ 'x-berth-error': 'scaled-to-zero', 'retry-after': '5' })
        expect(asleep.body).to.include('nap is scaled to 0')
        await front.route('nap', [blog.target()])
        expect((await ask(front, 'nap.test')).body).to.equal('awake')
        await front.route('nap', [], { away: 'not-pushed' })
        expect((await ask(front, 'nap.test')).headers['x-berth-error']).to.equal('not-pushed')
      })
    })

    describe('tells an app', () => {
      const told = async (headers: Record<string, string>, secure = false) => {
        const list = JSON.parse((await ask(front, 'told.test', { headers, secure })).body) as string[]
        const pairs = list.flatMap((one, i) => (i % 2 === 0 ? [[one.toLowerCase(), list[i + 1] ?? ''] as const] : []))
        return { pairs, of: (key: string) => pairs.filter(([one]) => one === key).map(([, value]) => value) }
      }

      it('who asks, and nothing that a client has invented', async () => {
        await using blog = await telling()
        await front.route('told', [blog.target()])
        const forged = {
          ...{
            'x-forwarded-for': '1.2.3.4',
            'X-Forwarded-Proto': 'https',
            x_forwarded_host: 'evil',
            forwarded: 'for=1',
          },
          ...{ proxy: 'http://evil', 'x-real-ip': '1.2.3.4', 'x-forwarded-server': 'evil', te: 'trailers' },
          ...{ 'proxy-authorization': 'Basic x', 'x-kept': 'yes' },
        }
        const plain = await told(forged)
        expect(plain.of('x-forwarded-for')).to.deep.equal(['127.0.0.1'])
        expect(plain.of('x-forwarded-proto')).to.deep.equal(['http'])
        expect(plain.of('x-forwarded-host')).to.deep.equal(['told.test'])
        expect(plain.of('x-forwarded-port')).to.deep.equal([String(front.port)])
        expect(plain.of('x-kept')).to.deep.equal(['yes'])
        const names = new Set(plain.pairs.map(([one]) => one))
        for (const gone of ['x_forwarded_host', 'forwarded', 'proxy', 'x-real-ip', 'x-forwarded-server', 'te'])
          expect(names.has(gone), gone).to.equal(false)
        expect(names.has('proxy-authorization')).to.equal(false)
        const safe = await told(forged, true)
        expect(safe.of('x-forwarded-proto')).to.deep.equal(['https'])
        expect(safe.of('x-forwarded-port')).to.deep.equal([String(front.securePort)])
      })

      it('the id of a request, its client’s where that makes sense, and the client the same', async () => {
        await using blog = await telling()
        await front.route('told', [blog.target()])
        for (const [given, kept] of [
          ['client-chosen-1', true],
          ['short', false],
          ['a b c d e f g h', false],
        ] as const) {
          const answer = await ask(front, 'told.test', { headers: { 'x-request-id': given } })
          const id = String(answer.headers['x-request-id'])
          expect(answer.body).to.include(id)
          if (kept) expect(id).to.equal(given)
          else expect(id).to.match(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
        }
      })

      it('no header that Connection takes away, nor an upgrade that is none', async () => {
        await using blog = await telling()
        await front.route('told', [blog.target()])
        const odd = 'GET / HTTP/1.1\r\nHost: told.test\r\nX-Secret: 1\r\n'
        const named = await talk(front, `${odd}Connection: close, X-Secret\r\n\r\n`)
        expect(named).to.match(/^HTTP\/1.1 200 /)
        expect(named.toLowerCase()).to.not.include('x-secret')
        const h2c = await talk(
          front,
          `${odd}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
          /\]/,
        )
        expect(h2c).to.match(/^HTTP\/1.1 200 /)
        expect(h2c.toLowerCase()).to.not.include('h2c')
      })
    })

    it('refuses what two readers would read differently', async () => {
      let seen = 0
      await using blog = await app((_request, response) => {
        seen++
        response.end('read')
      })
      await front.route('odd', [blog.target()])
      const cases: [string, RegExp][] = [
        ['POST / HTTP/1.1\r\nHost: odd.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', / 400 /],
        [
          'POST / HTTP/1.1\r\nHost: odd.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
          / (400|501|422) /,
        ],
        ['GET / HTTP/1.1\r\nHost: odd.test\r\nHost: blog.test\r\n\r\n', / 400 /],
        ['GET / HTTP/1.1\r\nHost : odd.test\r\n\r\n', / 400 /],
        ['TRACE / HTTP/1.1\r\nHost: odd.test\r\n\r\n', / 405 /],
        ['CONNECT odd.test:80 HTTP/1.1\r\nHost: odd.test:80\r\n\r\n', / 405 /],
      ]
      for (const [bytes, status] of cases) expect(await talk(front, bytes, /\r\n\r\n/), bytes).to.match(status)
      expect(seen).to.equal(0)
    })

    describe('while an app is deployed', () => {
      it('loses no request although each old process is stopped as soon as it has drained', async () => {
        const lanes = 16
        const agent = new Agent({ keepAlive: true, maxSockets: lanes })
        const versions: number[] = []
        const failures: string[] = []
        const version = (number: number) =>
          app((_request, response) => void setTimeout(() => response.end(String(number)), number % 5))
        const one = () =>
          new Promise<void>((resolve) => {
            const fail = (what: string): void => {
              failures.push(what)
              resolve()
            }
            get({ port: front.port, agent, headers: { host: 'roll.test' } }, (answer) => {
              if (answer.statusCode !== 200) fail(String(answer.statusCode))
              answer
                .on('data', (bytes: Buffer) => versions.push(Number(String(bytes))))
                .on('error', (e) => fail(e.message))
              answer.on('end', resolve)
            }).on('error', (e) => fail(e.message))
          })
        let running = true
        let current = await version(0)
        await front.route('roll', [current.target()])
        const load = Array.from({ length: lanes }, async () => {
          while (running) await one()
        })
        await eventually(() => Promise.resolve(versions.length > 10))
        for (let number = 1; number <= 20; number++) {
          const next = await version(number)
          const applied = await front.route('roll', [next.target()])
          await front.traffic.drained('id-roll', applied, current.target().id, noon())
          // as many answers of the old one may be on their way to the clients still
          const late = versions.length + lanes
          await eventually(() => Promise.resolve(versions.length > late))
          await current[Symbol.asyncDispose]()
          current = next
        }
        running = false
        await Promise.all(load)
        agent.destroy()
        await current[Symbol.asyncDispose]()
        expect(failures).to.deep.equal([])
        expect(new Set(versions).size).to.equal(21)
      })

      it('says which of its processes have something in their hands, until they have not', async () => {
        let finish: () => void = () => undefined
        await using old = await app((_request, response) => {
          response.write('slow ')
          finish = () => response.end('but whole')
        })
        await using fresh = await saying('fresh')
        await front.route('slow', [old.target()])
        const slow = await begin(front, 'slow.test')
        const applied = await front.route('slow', [fresh.target()])
        expect(await isHeld(front, 'slow', old.target().id)).to.equal(true)
        for (let i = 0; i < 10; i++) expect((await ask(front, 'slow.test')).body).to.equal('fresh')
        finish()
        expect(await text(slow)).to.equal('slow but whole')
        await front.traffic.drained('id-slow', applied, old.target().id, noon())
        await eventually(async () => !(await isHeld(front, 'slow', old.target().id)))
      })

      it('leaves WebSockets be, of its own process that was replaced as of other apps', async () => {
        await using chat = await echoing()
        await using next = await echoing()
        await using other = await saying('other')
        await front.route('chat', [chat.target()])
        const open = await tunnel(front, 'chat.test')
        expect(open.status).to.equal('101')
        await open.echo('before')
        await front.route('other', [other.target()])
        await front.route('other', [], { away: 'not-pushed' })
        await open.echo('after another app')
        const applied = await front.route('chat', [next.target()])
        await open.echo('after its own')
        expect(await isHeld(front, 'chat', chat.target().id)).to.equal(true)
        open.socket.destroy()
        await front.traffic.drained('id-chat', applied, chat.target().id, noon())
        await eventually(async () => !(await isHeld(front, 'chat', chat.target().id)))
      })
    })

    it('keeps an app’s rules, from when they are made until they are taken away', async () => {
      await using blog = await saying('inside')
      await front.route('ruled', [blog.target()], { rules: { maintenance: true } })
      expect((await ask(front, 'ruled.test')).headers['x-berth-error']).to.equal('maintenance')
      await front.route('ruled', [blog.target()], { rules: { allow: ['192.0.2.0/24'] } })
      expect((await ask(front, 'ruled.test')).status).to.equal(403)
      await front.route('ruled', [blog.target()], { rules: { rate: { requests: 1, seconds: 60 } } })
      expect((await ask(front, 'ruled.test')).status).to.equal(200)
      expect((await ask(front, 'ruled.test')).headers).to.include({ 'x-berth-error': 'too-many-requests' })
      await front.route('ruled', [blog.target()], { rules: { maintenance: true, hold: 30 } })
      const held = ask(front, 'ruled.test')
      await ask(front, 'nobody.test')
      await front.route('ruled', [blog.target()])
      expect((await held).body).to.equal('inside')
      expect((await ask(front, 'ruled.test')).body).to.equal('inside')
    })

    it('sends its share to an app’s canary, and all to the others when that is over', async () => {
      await using stable = await saying('stable')
      await using canary = await saying('canary')
      const targets = [stable.target(), { ...canary.target(), canary: true as const }]
      const header = { name: 'x-beta', value: '1' }
      const answers = async (headers: Record<string, string>): Promise<string[]> => {
        const all: string[] = []
        for (let i = 0; i < 10; i++) all.push((await ask(front, 'split.test', { headers, secure: i % 2 === 0 })).body)
        return [...new Set(all)]
      }
      await front.route('split', targets, { canary: { since: 'a', percent: 0, header } })
      expect(await answers({})).to.deep.equal(['stable'])
      expect(await answers({ 'x-beta': '1' })).to.deep.equal(['canary'])
      // whichever side this client is on, it stays there
      await front.route('split', targets, { canary: { since: 'b', percent: 50 } })
      expect(await answers({})).to.have.length(1)
      await front.route('split', [stable.target()])
      expect(await answers({ 'x-beta': '1' })).to.deep.equal(['stable'])
    })

    describeRouterLife(() => front, back)
  })
}
