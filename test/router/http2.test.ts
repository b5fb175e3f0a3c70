import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { block, data, frame, frameClient, head, refused, reset, smuggled, type Lines } from './frames.js'
import { app, rawApp, until } from './parts.js'
import { secure, session, stream } from './secure-rig.js'

describe('HTTP/2', () => {
  it('carries method, path, headers, cookies, body, status', async () => {
    await using rig = await secure()
    await using blog = await app((req, res) => {
      void text(req).then((body) => {
        res.writeHead(418, { 'set-cookie': ['a=1', 'b=2'], connection: 'x-hop', 'x-hop': '1' })
        res.end(JSON.stringify({ method: req.method, url: req.url, body, headers: req.headers }))
      })
    })
    rig.front.route('blog', blog.target())
    const over = session(rig.front)
    const asked = { ':method': 'PATCH', ':path': '//a/../b?q=%2F', cookie: ['a=1', 'b=2'], te: 'trailers', x_y: '1' }
    const { status, headers, body } = await stream(over, { ...asked, 'x-forwarded-for': '6.6.6.6' }, 'bödy')
    const seen = JSON.parse(body) as { headers: Record<string, string> }
    expect(status).to.equal(418)
    expect(headers)
      .to.deep.include({ 'set-cookie': ['a=1', 'b=2'] })
      .and.not.to.have.any.keys('x-hop', 'connection')
    expect(seen).to.include({ method: 'PATCH', url: '//a/../b?q=%2F', body: 'bödy' })
    expect(seen.headers).to.include({ host: 'blog.test', cookie: 'a=1; b=2', x_y: '1' })
    expect(seen.headers).to.include({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' })
    expect(seen.headers).not.to.have.property('te')
    over.destroy()
  })

  it('carries HEAD, no content, trailers, interim answers and pages', async () => {
    await using rig = await secure()
    await using blog = await rawApp((socket) =>
      socket.on('data', (bytes) => {
        const path = String(bytes).split(' ')[1] ?? ''
        const answers: Record<string, string> = {
          '/head': 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n',
          '/none': 'HTTP/1.1 204 No Content\r\n\r\n',
          '/trailers':
            'HTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 42\r\nconnection: x\r\n\r\n',
          '/bad': 'SMTP\r\n\r\n',
        }
        socket.write(answers[path] ?? '')
      }),
    )
    rig.front.route('blog', blog.target())
    const over = session(rig.front)
    const head = await stream(over, { ':method': 'HEAD', ':path': '/head' })
    expect([head.status, head.headers['content-length'], head.body]).to.deep.equal([200, '7', ''])
    expect(await stream(over, { ':path': '/none' })).to.include({ status: 204, body: '' })
    const interim: unknown[] = []
    const one = over.request({ ':authority': 'blog.test', ':path': '/trailers' })
    one.on('headers', (lines: IncomingHttpHeaders) => interim.push([lines[':status'], lines.link]))
    const trailers = once(one, 'trailers')
    expect(await text(one)).to.equal('body')
    expect(interim).to.deep.equal([[103, 'a']])
    expect((await trailers)[0])
      .to.include({ 'x-sum': '42' })
      .and.not.to.have.property('connection')
    const bad = await stream(over, { ':path': '/bad', accept: 'application/json' })
    expect([bad.status, bad.headers['x-berth-error']]).to.deep.equal([502, 'hung-up'])
    expect((await stream(over, { ':authority': 'nope.test' })).status).to.equal(404)
    over.destroy()
  })

  it('tells the app nothing of a body that its client gave up, and takes no byte more or less than it said', async () => {
    await using rig = await secure()
    const whole: string[] = []
    let begun = 0
    await using blog = await app((req, res) => {
      begun++
      req.on('error', () => undefined).resume()
      req.on('end', () => {
        whole.push(req.url ?? '')
        res.end('ok')
      })
    })
    rig.front.route('blog', blog.target())
    const length = (bytes: string): Lines => [['content-length', bytes]]
    for (const [what, lines, ...frames] of [
      ['reset', [], data('half'), reset(8)],
      ['reset-without-an-error', [], data('half'), reset(0)],
      ['reset-of-a-length', length('9'), data('half'), reset(0)],
      ['shorter-than-it-said', length('9'), data('half', true)],
      ['longer-than-it-said', length('5'), data('half and more', true)],
      ['gone', length('5'), data('half')],
    ] as const) {
      const before = begun
      const client = await frameClient(rig.front.port)
      client.send(head([[':method', 'POST'], [':path', `/${what}`], ...lines]))
      await until(() => begun === before + 1)
      for (const frame of frames) client.send(frame)
      if (what === 'gone') client.socket.destroy()
      await until(() => blog.sockets.size === 0)
      client.socket.destroy()
      expect(whole, what).to.deep.equal([])
    }
  })

  for (const [what, lines, want] of smuggled)
    it(`lets nothing pass of ${what}`, async () => {
      await using rig = await secure()
      const seen: string[] = []
      await using blog = await rawApp((socket) =>
        socket.on('data', (bytes) => {
          seen.push(String(bytes))
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        }),
      )
      rig.front.route('blog', blog.target())
      const client = await frameClient(rig.front.port)
      client.send(head(lines, true))
      const answer = await client.answered
      if (want === 'refused') expect([seen.join(''), refused.test(answer)]).to.deep.equal(['', true])
      else
        expect(seen.join('')).to.match(
          /^GET \/ HTTP\/1\.1\r\nhost: blog.test\r\n(?:x-(?:forwarded-[a-z]+|request-id): [\w.:-]+\r\n){5}connection: keep-alive\r\n\r\n$/,
        )
      client.socket.destroy()
      const over = session(rig.front)
      expect((await stream(over)).body).to.equal('ok')
      over.destroy()
    })

  it('makes each side wait for the other', async () => {
    await using rig = await secure()
    const piece = Buffer.alloc(64 * 1024)
    let given = 0
    await using blog = await app((req, res) => {
      if (req.method === 'POST') return // which is not read
      const more = (): void => {
        while (given++ < 400 && res.write(piece));
        if (given < 400) res.once('drain', more)
      }
      more()
    })
    rig.front.route('blog', blog.target())
    const over = session(rig.front)
    const still = async (of: () => number): Promise<number> => {
      for (let before = -1; before !== of(); await new Promise((go) => setTimeout(go, 100))) before = of()
      return of()
    }
    const down = over.request({ ':authority': 'blog.test' })
    await once(down, 'response')
    expect(await still(() => given)).to.be.within(1, 300)
    down.close()
    const up = over.request({ ':authority': 'blog.test', ':method': 'POST' })
    up.on('error', () => undefined)
    let taken = 0
    const push = (): void => void up.write(piece, (error) => (error ? undefined : taken++ < 400 && push()))
    push()
    await until(() => taken > 0)
    expect(await still(() => taken)).to.be.within(1, 300)
    up.close()
    over.destroy()
  })

  it('ends a session that resets streams as fast as it opens them', async () => {
    await using rig = await secure()
    await using blog = await app(() => undefined)
    rig.front.route('blog', blog.target())
    const over = session(rig.front)
    const closed = new Promise((resolve) => over.once('close', resolve))
    const flood = setInterval(() => {
      for (let i = 0; i < 50 && !over.closed && !over.destroyed; i++) {
        const one = over.request({ ':authority': 'blog.test' })
        one.on('error', () => undefined).close(8)
      }
    }, 1)
    await closed
    clearInterval(flood)
    const other = session(rig.front)
    expect((await stream(other, { ':authority': 'nope.test' })).status).to.equal(404)
    other.destroy()
  })

  for (const [what, first, each] of [
    ['a head without end', frame(1, 0, block([[':method', 'GET']])), frame(9, 0, block([['x', 'y'.repeat(1000)]]))],
    [
      'lines without end',
      frame(1, 0, block([[':method', 'GET']])),
      frame(9, 0, Buffer.concat(Array(200).fill(block([['x', 'y']])))),
    ],
    ['a head without end of nothing', frame(1, 0, Buffer.alloc(0)), frame(9, 0, Buffer.alloc(0))],
    ['settings without end', frame(4, 0, Buffer.alloc(0), 0), frame(4, 0, Buffer.alloc(6 * 100), 0)],
    [
      'pings without end, which it does not read the answers of',
      frame(6, 0, Buffer.alloc(8), 0),
      frame(6, 0, Buffer.alloc(8), 0),
    ],
  ] as const)
    it(`ends a session of ${what}`, async () => {
      await using rig = await secure()
      const client = await frameClient(rig.front.port)
      const closed = new Promise((resolve) => client.socket.once('close', resolve))
      client.send(first)
      if (what.startsWith('pings')) client.socket.pause()
      const before = process.memoryUsage().rss
      const flood = setInterval(() => {
        for (let i = 0; i < 500 && !client.socket.destroyed; i++) client.send(each)
      }, 1)
      await Promise.race([closed, client.answered, ...(what.startsWith('pings') ? [wait(700)] : [])])
      clearInterval(flood)
      client.socket.destroy()
      expect(process.memoryUsage().rss - before).to.be.below(150 * 1024 * 1024)
    })

  it('is spoken by curl and h2load', async () => {
    await using rig = await secure()
    await using blog = await app((req, res) => void text(req).then((body) => res.end(`${body.length} bytes`)))
    rig.front.route('blog', blog.target())
    const { port } = rig.front
    const run = promisify(execFile)
    const curl = ['-sk', '--http2', '--resolve', `blog.test:${port}:127.0.0.1`, '-w', ' %{http_version}']
    const { stdout } = await run('curl', [...curl, '--data-binary', 'x'.repeat(90_000), `https://blog.test:${port}/`])
    expect(stdout).to.equal('90000 bytes 2')
    const load = ['-n2000', '-c4', '-m50', '-H', ':authority: blog.test', `https://127.0.0.1:${port}/`]
    expect((await run('h2load', load)).stdout).to.match(/2000 succeeded, 0 failed, 0 errored/)
  })
})
