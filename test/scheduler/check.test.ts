import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ask, Unheard } from '../../src/scheduler/check.js'
import { freePort } from '../free.js'

const never = new AbortController().signal

async function asked(handler: RequestListener, signal = never) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await ask('127.0.0.1', (server.address() as AddressInfo).port, 'blog.localhost', signal)
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
    const refused = await ask('127.0.0.1', await freePort(), 'blog.localhost', never).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(Unheard)
    expect(await asked(() => undefined, AbortSignal.abort()).catch((error: unknown) => error)).to.be.instanceOf(Unheard)
  })
})
