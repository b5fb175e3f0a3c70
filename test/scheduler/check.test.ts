import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ask, Unanswered, Unheard, type CheckQuestion } from '../../src/scheduler/check.js'
import { freePort } from '../free.js'

const never = new AbortController().signal

async function asked(handler: RequestListener, signal = never, question: Partial<CheckQuestion> = {}) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    return await ask({ host: '127.0.0.1', port, hostname: 'blog.localhost', ...question }, signal)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('the check', () => {
  it('asks for / at the app’s own hostname, and takes the status', async () => {
    let seen = ''
    const answer = await asked((request, response) => {
      seen = `${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''}`
      response.writeHead(404).end('nothing here')
    })
    expect(seen).to.equal('GET / blog.localhost')
    expect(answer.status).to.equal(404)
  })

  it('shows the first of a failure’s body, in one line', async () => {
    const answer = await asked((_, response) => void response.writeHead(500).end(`no\n  db ${'x'.repeat(10_000)}`))
    expect(answer.status).to.equal(500)
    expect(answer.excerpt).to.match(/^no db x+$/)
    expect(answer.excerpt.length).to.be.at.most(160)
  })

  it('does not wait for the end of a page that is being streamed', async () => {
    expect((await asked((_, response) => void response.writeHead(200).write('...'))).status).to.equal(200)
  })

  it('rejects when nobody answers', async () => {
    const hangUp = await asked((request) => request.socket.destroy()).catch((error: unknown) => error)
    expect(hangUp).to.be.instanceOf(Error).and.not.instanceOf(Unheard)
    const late = await asked(() => undefined, AbortSignal.timeout(50)).catch((error: unknown) => error)
    expect(late).to.be.instanceOf(Error)
  })

  it('tells one who does not listen from one who does not answer', async () => {
    const refused = await ask({ host: '127.0.0.1', port: await freePort(), hostname: 'blog.localhost' }, never).catch(
      (error: unknown) => error,
    )
    expect(refused).to.be.instanceOf(Unheard)
    expect(await asked(() => undefined, AbortSignal.abort()).catch((error: unknown) => error)).to.be.instanceOf(Unheard)
  })

  it('asks for the page, by the host and with the headers, that it is told', async () => {
    let seen: unknown
    const question = { path: '/up?a=1', headers: { Host: 'example.org', 'X-A': '1', 'User-Agent': 'me' } }
    await asked(
      ({ url, headers }, response) => {
        seen = [url, headers.host, headers['x-a'], headers['user-agent'], headers.connection]
        response.end()
      },
      never,
      question,
    )
    expect(seen).to.deep.equal(['/up?a=1', 'example.org', '1', 'me', 'close'])
  })

  it('goes nowhere by a redirect: its status counts', async () => {
    const answer = await asked((_, response) => void response.writeHead(302, { location: '/elsewhere' }).end())
    expect(answer.status).to.equal(302)
  })

  it('looks for what the body has to contain, over pieces of it, and no further than 64 KiB', async () => {
    const pieces = (_: unknown, response: ServerResponse) => {
      response.write('it wo', () => setImmediate(() => response.write('rks and goes on')))
    }
    const inPieces = await asked(pieces, never, { content: 'works' })
    expect(inPieces.found).to.equal(true)
    const pour = (_: unknown, response: ServerResponse) => {
      const more = (error?: Error | null) => (error ? undefined : response.write('x'.repeat(10_000), more))
      more()
    }
    expect((await asked(pour, never, { content: 'y' })).found).to.equal(false)
    expect((await asked((_, response) => response.end('no'), never, { content: 'yes' })).found).to.equal(false)
  })

  it('takes no longer than it may', async () => {
    const never1 = asked(() => undefined, never, { timeout: 50 }).catch((error: unknown) => error)
    expect(await never1).to.be.instanceOf(Unanswered)
    expect(((await never1) as Error).message).to.equal('did not answer within 0.05 s')
    const half = (_: unknown, response: ServerResponse) => void response.write('the first half')
    expect(
      await asked(half, never, { timeout: 50, content: 'second' }).catch((error: unknown) => error),
    ).to.be.instanceOf(Unanswered)
  })

  it('shows nothing that moves a terminal', async () => {
    const body = '\u001b[31mred\u001b[0m \u001b]0;title\u0007\u0000\u0008 end'
    expect((await asked((_, response) => void response.writeHead(500).end(body))).excerpt).to.equal('red end')
  })

  it('reads headers no further than a server may send', async () => {
    const answer = await asked((request) => {
      const { socket } = request
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = (error?: Error | null) => (error ? undefined : socket.write(`x-a: ${'x'.repeat(1_000)}\r\n`, more))
      socket.on('error', () => undefined)
      more()
    }).catch((error: unknown) => error)
    expect(answer).to.be.instanceOf(Error)
    expect((answer as Error).message).to.match(/header/i)
  })
})
