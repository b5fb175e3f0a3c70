import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { expect } from 'chai'
import { app, router } from './parts.js'

const statusOf = (reply: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1])

describe('bad requests', () => {
  const get = (lines: string, target = '/', version = '1.1') => `GET ${target} HTTP/${version}\r\n${lines}\r\n`
  const cases: Record<string, [number, string]> = {
    'no Host': [400, get('')],
    'no Host, HTTP/1.0': [400, get('', '/', '1.0')],
    'an empty Host': [400, get('host:\r\n')],
    'two Hosts': [400, get('host: blog.test\r\nhost: blog.test\r\n')],
    'two Hosts that differ': [400, get('host: blog.test\r\nHost: evil.test\r\n')],
    'a Host that is no hostname': [400, get('host: <script>alert(1)</script>\r\n')],
    'a Host with a user': [400, get('host: user@blog.test\r\n')],
    'a Host list': [400, get('host: blog.test, evil.test\r\n')],
    'an unknown Host': [404, get('host: nope.test\r\n')],
    'a Host in capitals, with port and dot': [200, get('HOST: BLOG.Test.:8080\r\n')],
    'an absolute target, which wins over Host': [200, get('host: nope.test\r\n', 'http://blog.test/x?y')],
    'an absolute target of an unknown host': [404, get('host: blog.test\r\n', 'http://nope.test/')],
    'an absolute target of another scheme': [400, get('host: blog.test\r\n', 'ftp://blog.test/')],
    'a 10,000-byte address': [200, get('host: blog.test\r\n', `/${'a'.repeat(10_000)}`)],
    'a 20,000-byte address': [431, get('host: blog.test\r\n', `/${'a'.repeat(20_000)}`)],
    'a 20,000-byte header': [431, get(`host: blog.test\r\nx: ${'a'.repeat(20_000)}\r\n`)],
    'a body framed twice': [400, get('host: blog.test\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n')],
    'two lengths': [400, get('host: blog.test\r\ncontent-length: 3\r\ncontent-length: 4\r\n')],
    'a length in words': [400, get('host: blog.test\r\ncontent-length: three\r\n')],
    'a negative length': [400, get('host: blog.test\r\ncontent-length: -1\r\n')],
    'a transfer coding besides chunked': [
      501,
      get('host: blog.test\r\ntransfer-encoding: gzip, chunked\r\n') + '0\r\n\r\n',
    ],
    'chunked as not the last coding': [400, get('host: blog.test\r\ntransfer-encoding: chunked, gzip\r\n')],
    'a space before the colon': [400, get('host: blog.test\r\ncontent-length : 3\r\n')],
    'a bare line feed': [400, 'GET / HTTP/1.1\nhost: blog.test\n\n'],
    'a NUL in a header': [400, get('host: blog.test\r\nx: a\0b\r\n')],
    'a header without a colon': [400, get('host: blog.test\r\nnonsense\r\n')],
    'no HTTP at all': [400, '\x16\x03\x01\x02\x00 hello TLS\r\n\r\n'],
    'an unknown method': [400, 'FROB / HTTP/1.1\r\nhost: blog.test\r\n\r\n'],
    CONNECT: [405, 'CONNECT blog.test:443 HTTP/1.1\r\nhost: blog.test\r\n\r\n'],
    TRACE: [405, 'TRACE / HTTP/1.1\r\nhost: blog.test\r\n\r\n'],
    'a Trailer header without a body': [200, get('host: blog.test\r\ntrailer: x\r\n')],
    'the asterisk': [200, 'OPTIONS * HTTP/1.1\r\nhost: blog.test\r\n\r\n'],
    'the asterisk with GET': [400, get('host: blog.test\r\n', '*')],
    'a chunk size that is none': [400, get('host: blog.test\r\ntransfer-encoding: chunked\r\n') + 'zz\r\n\r\n'],
  }
  for (const [what, [status, bytes]] of Object.entries(cases))
    it(`${what}: ${status}`, async () => {
      await using front = await router()
      await using blog = await app((req, res) => void req.resume().on('end', () => res.end('ok')))
      front.route('blog', blog.target())
      const reply = await front.raw(bytes, /\r\n\r\n./)
      expect(statusOf(reply), reply).to.equal(status)
      expect((await front.send('blog.test')).status, 'and the router lives').to.equal(200)
    })

  it('does not read a second request out of a refused first', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await app((req, res) => {
      seen.push(req.url ?? '')
      res.end('ok')
    })
    front.route('blog', blog.target())
    const inner = 'GET /smuggled HTTP/1.1\r\nhost: blog.test\r\n\r\n'
    const head = `POST /outer HTTP/1.1\r\nhost: blog.test\r\ncontent-length: ${inner.length}\r\ntransfer-encoding: chunked\r\n\r\n`
    await front.raw(`${head}0\r\n\r\n${inner}`)
    await front.raw(`POST / HTTP/1.1\r\nhost: nope.test\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`)
    expect(seen).to.deep.equal([])
  })

  it('keeps a connection whose request was answered with a page', async () => {
    await using front = await router()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const first = await front.send('nope.test', { agent })
    expect(first.headers.connection).to.equal('keep-alive')
    await front.send('nope.test', { agent })
    expect(Object.values(agent.freeSockets).flat().length).to.equal(1)
    agent.destroy()
  })

  it('closes when the client wants it closed', async () => {
    await using front = await router()
    await using blog = await app((_req, res) => res.end('ok'))
    front.route('blog', blog.target())
    expect(await front.raw('GET / HTTP/1.1\r\nhost: blog.test\r\nconnection: close\r\n\r\n')).to.match(
      /connection: close/i,
    )
  })
})

describe('a router that is told to stop', () => {
  it('lets a request end, takes no more, and is gone after the last', async () => {
    await using front = await router()
    let finish: () => void = () => undefined
    await using blog = await app((_req, res) => {
      res.write('first ')
      finish = () => res.end('last')
    })
    front.route('blog', blog.target())
    const idle = connect(front.port, '127.0.0.1')
    await once(idle, 'connect')
    const pending = front.raw('GET / HTTP/1.1\r\nhost: blog.test\r\n\r\n')
    while (blog.sockets.size === 0) await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const closed = front.close(2000)
    const late = await new Promise((resolve) =>
      connect(front.port, '127.0.0.1')
        .on('error', (e) => resolve(e))
        .on('connect', resolve),
    )
    expect(late).to.have.property('code', 'ECONNREFUSED')
    finish()
    expect(await pending).to.match(/first .*last/s)
    await closed
    idle.destroy()
  })

  it('cuts what does not end in time', async () => {
    await using front = await router()
    await using blog = await app((_req, res) => void res.write('for ever'))
    front.route('blog', blog.target())
    const pending = front.raw('GET / HTTP/1.1\r\nhost: blog.test\r\n\r\n')
    while (blog.sockets.size === 0) await new Promise((resolve) => setImmediate(resolve))
    const began = performance.now()
    await front.close(100)
    await pending
    expect(performance.now() - began).to.be.within(90, 1000)
  })
})
