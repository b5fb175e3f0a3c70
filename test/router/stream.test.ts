import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get, request, type IncomingMessage } from 'node:http'
import { expect } from 'chai'
import { app, rawApp, router, until } from './parts.js'

const chunk = randomBytes(64 * 1024)
const chunks = 512 // 32 MiB
/** More than fits into the buffers of four sockets and the router, and far less than what is offered. */
const bound = 32 * 1024 * 1024
const offered = 400 * 1024 * 1024

/** Writes for as long as it is let; returns how much that was so far. */
function press(into: NodeJS.WritableStream): () => number {
  let sent = 0
  const more = () => {
    while (sent < offered) {
      sent += chunk.length
      if (!into.write(chunk)) return void into.once('drain', more)
    }
  }
  more()
  return () => sent
}

/** How much was sent when no more has been for a while. */
async function standstill(sent: () => number): Promise<number> {
  for (let before = -1; before !== sent(); await new Promise((resolve) => setTimeout(resolve, 100))) before = sent()
  return sent()
}

const whole = createHash('sha256')
for (let i = 0; i < chunks; i++) whole.update(chunk)
const digest = whole.digest('hex')

function* body() {
  for (let i = 0; i < chunks; i++) yield chunk
}

async function pour(into: NodeJS.WritableStream): Promise<void> {
  for (const part of body()) if (!into.write(part)) await once(into, 'drain')
  into.end()
}

async function digestOf(from: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of from) hash.update(part)
  return hash.digest('hex')
}

describe('streaming', () => {
  it('carries a large upload unchanged', async () => {
    await using front = await router()
    await using blog = await app((req, res) => void digestOf(req).then((sum) => res.end(sum)))
    front.route('blog', blog.target())
    const outgoing = request({ port: front.port, method: 'PUT', headers: { host: 'blog.test' } })
    const answered = once(outgoing, 'response')
    await pour(outgoing)
    const [answer] = (await answered) as [IncomingMessage]
    const [sum] = (await once(answer.setEncoding('latin1'), 'data')) as [string]
    expect(sum).to.equal(digest)
  })

  it('carries a large download unchanged', async () => {
    await using front = await router()
    await using blog = await app((_req, res) => void pour(res))
    front.route('blog', blog.target())
    const [answer] = (await once(get({ port: front.port, headers: { host: 'blog.test' } }), 'response')) as [
      IncomingMessage,
    ]
    expect(await digestOf(answer)).to.equal(digest)
  })

  it('makes the app wait for a client that does not read, so that nothing is held whole', async () => {
    await using front = await router()
    let sent = () => 0
    await using blog = await app((_req, res) => (sent = press(res)))
    front.route('blog', blog.target())
    const outgoing = get({ port: front.port, headers: { host: 'blog.test' } })
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    expect(await standstill(sent)).to.be.within(1, bound)
    answer.destroy()
    await until(() => blog.sockets.size === 0)
  })

  it('makes the client wait for an app that does not read, for as long as an answer may take', async () => {
    await using front = await router({ firstByte: 400 })
    await using blog = await app(() => undefined)
    front.route('blog', blog.target())
    const outgoing = request({ port: front.port, method: 'PUT', headers: { host: 'blog.test' } })
    outgoing.on('error', () => undefined)
    expect(await standstill(press(outgoing))).to.be.within(1, bound)
    front.route('blog') // the app cannot see its connection end behind bytes that it does not read, the router can
    await until(() => front.drained.length === 1)
    outgoing.destroy()
  })

  it('hands on headers and each event of server-sent events at once', async () => {
    await using front = await router()
    let say: (text: string) => void = () => undefined
    await using blog = await app((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      say = (event) => res.write(`data: ${event}\n\n`)
    })
    front.route('blog', blog.target())
    const [answer] = (await once(get({ port: front.port, headers: { host: 'blog.test' } }), 'response')) as [
      IncomingMessage,
    ]
    for (const event of ['one', 'two', 'three']) {
      const heard = once(answer.setEncoding('utf8'), 'data')
      say(event)
      expect((await heard)[0]).to.equal(`data: ${event}\n\n`)
    }
    answer.destroy()
    await until(() => blog.sockets.size === 0)
  })

  it('hands on an answer given before the upload has ended', async () => {
    await using front = await router()
    await using blog = await rawApp((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 413 Too Much\r\nconnection: close\r\ncontent-length: 3\r\n\r\nno\n'),
      ),
    )
    front.route('blog', blog.target())
    const outgoing = request({ port: front.port, method: 'POST', headers: { host: 'blog.test' } })
    outgoing.on('error', () => undefined).write('the beginning')
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    expect(answer.statusCode).to.equal(413)
    outgoing.destroy()
    await until(() => blog.sockets.size === 0)
  })
})
