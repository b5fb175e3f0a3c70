import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { app, rawApp, router } from './parts.js'
import { statusOf, talk } from './framing-talk.js'

const get = (lines = '', version = '1.1') => `GET / HTTP/${version}\r\nhost: blog.test\r\n${lines}\r\n`
const hints =
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </b.css>; rel=preload\r\nX-Odd: 1\r\n\r\n'
const processing = 'HTTP/1.1 102 Processing\r\n\r\n'
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** An app that says this to every request, in one piece or in several. */
const saying = (...pieces: string[]) =>
  rawApp((socket) =>
    socket.on('data', () => {
      const [first = '', ...rest] = pieces
      socket.write(first)
      rest.forEach((piece, i) => setTimeout(() => socket.write(piece), 15 * (i + 1)))
    }),
  )

describe('interim answers', () => {
  for (const [how, pieces] of [
    ['in one packet', [hints + processing + hints + ok]],
    ['one after the other', [hints, processing, hints, ok]],
  ] as const)
    it(`pass, several of them, ${how}, and the answer after them`, async () => {
      await using front = await router()
      await using blog = await saying(...pieces)
      front.route('blog', blog.target())
      for (let i = 0; i < 3; i++) {
        const { answers, interim, rest } = await talk({ port: front.port }, get(), { methods: ['GET'] })
        expect(interim.map(({ start }) => start)).to.deep.equal([
          'HTTP/1.1 103 Early Hints',
          'HTTP/1.1 102 Processing',
          'HTTP/1.1 103 Early Hints',
        ])
        expect(interim[0]?.headers).to.deep.equal([
          ['link', '</a.css>; rel=preload'],
          ['link', '</b.css>; rel=preload'],
          ['x-odd', '1'],
        ])
        expect([answers.map(({ body }) => body), rest]).to.deep.equal([['ok'], ''])
      }
      expect(blog.sockets.size, 'the connection is kept').to.equal(1)
    })

  it('arrive before the answer is there', async () => {
    await using front = await router()
    let finish: () => void = () => undefined
    await using blog = await app((_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      res.writeProcessing()
      finish = () => res.end('done')
    })
    front.route('blog', blog.target())
    const outgoing = request({ port: front.port, headers: { host: 'blog.test' } }).end()
    const heard: number[] = []
    outgoing.on('information', ({ statusCode }: { statusCode: number }) => {
      if (heard.push(statusCode) === 2) finish()
    })
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    expect([heard, await text(answer)]).to.deep.equal([[103, 102], 'done'])
  })

  it('are kept from HTTP/1.0, which knows none', async () => {
    await using front = await router()
    await using blog = await saying(hints + processing + ok)
    front.route('blog', blog.target())
    const reply = await front.raw(get('', '1.0'))
    expect(reply).to.match(/^HTTP\/1\.1 200 OK\r\n/)
    expect(reply).not.to.match(/HTTP.1\.1 10[23]/)
  })

  it('lose what is meant for one hop, and do not pass when they make no sense', async () => {
    await using front = await router()
    await using blog = await saying(
      'HTTP/1.1 103 Hints\r\nlink: a\r\nconnection: x\r\nkeep-alive: timeout=5\r\ncontent-length: 5\r\n\r\n' +
        'HTTP/1.1 199 \xff\r\nlink: c\r\n\r\n' +
        ok,
    )
    front.route('blog', blog.target())
    const { answers, interim } = await talk({ port: front.port }, get(), { methods: ['GET'] })
    expect(answers.map(({ body }) => body)).to.deep.equal(['ok'])
    expect(interim.map(({ headers }) => headers)).to.deep.equal([[['link', 'a']]])
  })

  it('without an end are not held for a client that does not read', async () => {
    await using front = await router({ firstByte: 1000 })
    await using blog = await rawApp((socket) =>
      socket.once('data', () => {
        const more = () => {
          while (socket.write(hints.repeat(200)));
        }
        socket.on('drain', more)
        more()
      }),
    )
    front.route('blog', blog.target())
    const before = process.memoryUsage().rss
    const client = connect(front.port, '127.0.0.1')
    client.on('error', () => undefined).pause()
    client.write(get())
    await new Promise((resolve) => setTimeout(resolve, 900))
    expect(process.memoryUsage().rss - before).to.be.below(150 * 1024 * 1024)
    client.destroy()
  })
})

describe('a body that waits to be asked for', () => {
  const put = (length: number) =>
    `PUT / HTTP/1.1\r\nhost: blog.test\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`

  it('is asked for by the app, not by us', async () => {
    await using front = await router()
    let asked = false
    await using blog = await app(() => undefined)
    blog.server.on('checkContinue', (req: IncomingMessage, res: import('node:http').ServerResponse) => {
      setTimeout(() => {
        asked = true
        res.writeContinue()
        void text(req).then((body) => res.end(`${body} ${req.headers.expect ?? ''}`))
      }, 50)
    })
    front.route('blog', blog.target())
    const client = connect(front.port, '127.0.0.1')
    client.setEncoding('latin1').write(put(7))
    const [first] = (await once(client, 'data')) as [string]
    expect([first, asked]).to.deep.equal(['HTTP/1.1 100 Continue\r\n\r\n', true])
    client.write('payload')
    const [second] = (await once(client, 'data')) as [string]
    expect(second)
      .to.match(/^HTTP\/1\.1 200 OK\r\n/)
      .and.to.match(/payload 100-continue$/)
    client.destroy()
  })

  it('is never sent to an app that does not want it; what comes all the same is no request', async () => {
    await using front = await router()
    const seen: string[] = []
    await using blog = await app((req, res) => {
      seen.push(req.url ?? '')
      res.end('ok')
    })
    blog.server.on('checkContinue', (_req: IncomingMessage, res: import('node:http').ServerResponse) =>
      res.writeHead(413).end('too much'),
    )
    front.route('blog', blog.target())
    const inner = 'GET /smuggled HTTP/1.1\r\nhost: blog.test\r\n\r\n'
    const { answers, closed } = await talk({ port: front.port }, put(inner.length + 5) + inner + get(), {
      methods: ['PUT', 'GET'],
    })
    expect([answers.map(statusOf), closed, seen]).to.deep.equal([[413], true, []])
  })

  it('waits for an app that says nothing no longer than any request', async () => {
    await using front = await router({ firstByte: 100 })
    await using blog = await rawApp((socket) => void socket.resume())
    front.route('blog', blog.target())
    expect(await front.raw(put(5))).to.match(/^HTTP\/1\.1 504 /)
  })
})
