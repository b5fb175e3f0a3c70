import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { statusOf, talk } from './framing-talk.js'
import { app, rawApp, router, until } from './parts.js'

const get = (path: string, lines = '') => `GET ${path} HTTP/1.1\r\nhost: blog.test\r\n${lines}\r\n`
const websocket =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'

const read = async (socket: Socket): Promise<string> => {
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  await once(socket, 'close')
  return text
}

describe('requests on one connection', () => {
  it('are served one after the other, however many come at once', async () => {
    await using front = await router()
    const seen: string[] = []
    let atOnce = 0
    let most = 0
    await using blog = await app((req, res) => {
      most = Math.max(most, ++atOnce)
      seen.push(req.url ?? '')
      setImmediate(() => {
        atOnce--
        res.end(req.url)
      })
    })
    front.route('blog', blog.target())
    const paths = Array.from({ length: 500 }, (_, i) => `/${i}`)
    const all = paths.map((path) => get(path)).join('')
    const { answers } = await talk({ port: front.port }, all, { methods: paths.map(() => 'GET') })
    expect(answers.map(({ body }) => body)).to.deep.equal(paths)
    expect(seen).to.deep.equal(paths)
    expect(most).to.equal(1)
    expect(blog.sockets.size).to.be.below(3)
  })

  it('are not read without end while the first waits for its answer', async () => {
    await using front = await router()
    await using blog = await app(() => undefined)
    front.route('blog', blog.target())
    const client = connect(front.port, '127.0.0.1')
    client.on('error', () => undefined)
    let sent = 0
    const more = () => {
      while (client.write(get('/').repeat(1000))) sent++
    }
    client.on('drain', more)
    more()
    let before = -1
    while (before !== sent) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    // what the kernel holds on both sides, and one read of ours
    expect(sent * 1000 * get('/').length).to.be.below(16 * 1024 * 1024)
    client.destroy()
  })

  it('are parsed as far as a few reads go while the first waits', async () => {
    await using front = await router()
    let parsed = 0
    front.onRequest(() => parsed++)
    await using blog = await app(() => undefined)
    front.route('blog', blog.target())
    const client = connect(front.port, '127.0.0.1')
    client.on('error', () => undefined).write(get('/').repeat(50_000))
    await until(() => parsed > 0)
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(parsed).to.be.below(10_000)
    client.destroy()
  })

  it('are forgotten behind one that says it is the last', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await app((req, res) => {
      seen.push(req.url ?? '')
      setTimeout(() => res.end('ok'), 20)
    })
    front.route('blog', blog.target())
    const { answers, closed } = await talk({ port: front.port }, get('/last', 'connection: close\r\n') + get('/next'), {
      methods: ['GET', 'GET'],
    })
    expect([answers.length, closed, seen]).to.deep.equal([1, true, ['/last']])
  })

  it('keep their answer when what follows is not HTTP', async () => {
    await using front = await router()
    await using blog = await app((_req, res) => void setTimeout(() => res.end('ok'), 50))
    front.route('blog', blog.target())
    const { answers, closed } = await talk({ port: front.port }, `${get('/')}nonsense\r\n\r\n`, {
      methods: ['GET', 'GET'],
    })
    expect([answers.map(statusOf), closed]).to.deep.equal([[200], true])
  })

  it('are not overtaken by a WebSocket', async () => {
    await using front = await router()
    let upgrades = 0
    await using blog = await app((_req, res) => void setTimeout(() => res.end('slow'), 50))
    blog.server.on('upgrade', (_req, socket: Socket) => {
      upgrades++
      socket.destroy()
    })
    front.route('blog', blog.target())
    const client = connect(front.port, '127.0.0.1')
    client.on('error', () => undefined).write(get('/slow') + get('/ws', websocket))
    expect(await read(client)).not.to.match(/ 101 /)
    expect(upgrades).to.equal(0)
  })
})

describe('an answer that comes before the body has been sent', () => {
  const post = (length: number) => `POST /up HTTP/1.1\r\nhost: blog.test\r\ncontent-length: ${length}\r\n\r\n`
  const inner = get('/smuggled')

  it('reaches a client that goes on sending, closes its connection, and nothing of the body is a request', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await app((req, res) => {
      seen.push(req.url ?? '')
      res.writeHead(413).end('too much')
    })
    front.route('blog', blog.target())
    for (const host of ['blog.test', 'nope.test']) {
      const client = connect(front.port, '127.0.0.1')
      const reply = read(client)
      client.write(post(8_000_000).replace('blog.test', host))
      for (let i = 0; i < 100 && !client.destroyed; i++) {
        client.write(inner.repeat(1000))
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await reply).to.match(host === 'blog.test' ? /^HTTP\/1\.1 413 [^]*too much/ : /^HTTP\/1\.1 404 /)
    }
    expect(seen).to.deep.equal(['/up'])
  })

  it('ends with the body: what comes after it is not served on this connection', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await rawApp((socket) =>
      socket.once('data', (bytes) => {
        seen.push(String(bytes).split(' ')[1] ?? '')
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      }),
    )
    front.route('blog', blog.target())
    const client = connect(front.port, '127.0.0.1')
    const reply = read(client)
    client.write(post(10))
    await until(() => seen.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    client.write(`0123456789${get('/after')}`)
    expect(await reply).to.match(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*\r\n\r\nok$/)
    expect(seen).to.deep.equal(['/up'])
  })
})
