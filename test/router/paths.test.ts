import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { WebSocket, WebSocketServer } from 'ws'
import type { Route } from '../../src/store/routes.js'
import { app, router, type App, type TestRouter } from './parts.js'
import { secure, session, stream } from './secure-rig.js'

/** An app that says who it is and what it was asked, to WebSockets, too. */
async function teller(name: string): Promise<App> {
  const one = await app((request, response) => {
    const { url, headers } = request
    response.writeHead(url?.includes('moved') ? 302 : 200, url?.includes('moved') ? { location: '/there' } : {})
    void text(request).then((body) => response.end([name, url, headers['x-forwarded-prefix'], body].join(' ').trim()))
  })
  const sockets = new WebSocketServer({ noServer: true })
  one.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
    sockets.handleUpgrade(request, socket, head, (ws) =>
      ws.on('error', () => undefined).send(`${name} ${request.url ?? ''}`),
    ),
  )
  return one
}

const shop = (targets: Route['targets'], more: Partial<Route> = {}): Route => ({
  ...{ app: 'shop', name: 'shop', hosts: ['blog.test', '*.blog.test'], targets, version: 1 },
  ...more,
})

const api = (targets: Route['targets'], more: Partial<Route> = {}): Route => ({
  ...{ app: 'api', name: 'api', hosts: ['api.test'], targets, version: 1 },
  paths: [
    { host: 'blog.test', path: '/api', root: 'shop' },
    { host: '*.blog.test', path: '/api', root: 'shop', strip: true },
  ],
  ...more,
})

async function said(front: TestRouter, host: string, path: string, options: Parameters<TestRouter['send']>[1] = {}) {
  const { status, body } = await front.send(host, { path, ...options })
  return status === 200 ? body : status
}

describe('an app below a path of another', () => {
  it('is asked what is below it, with the path or without, and told so by nobody else', async () => {
    await using front = await router()
    await using one = await teller('shop')
    await using two = await teller('api')
    front.table.apply(api([two.target()]))
    expect(await said(front, 'blog.test', '/api/x'), 'nobody has the hostname').to.equal(404)
    front.table.apply(shop([one.target()]))
    const headers = { 'x-forwarded-prefix': '/evil', x_forwarded_prefix: '/evil' }
    expect(await said(front, 'blog.test', '/', { headers })).to.equal('shop /')
    expect(await said(front, 'Blog.test:80', '/api/x?y=/../z', { headers })).to.equal('api /api/x?y=/../z')
    expect(await said(front, 'any.blog.test', '/api/x?y', { headers })).to.equal('api /x?y /api')
    expect(await said(front, 'any.blog.test', '/apiary')).to.equal('shop /apiary')
    expect(await said(front, 'api.test', '/api/../x'), 'its own hostname is as it was').to.equal('api /api/../x')
    const posted = await said(front, 'any.blog.test', '/api?q', { method: 'POST', body: 'sent' })
    expect(posted).to.equal('api /?q /api sent')
    const moved = await front.send('any.blog.test', { path: '/api/moved' })
    expect([moved.status, moved.headers.location], 'what the app says is its own').to.deep.equal([302, '/there'])
  })

  it('gets no request that it, or the other, could read as of the other', async () => {
    await using front = await router()
    await using one = await teller('shop')
    await using two = await teller('api')
    front.table.apply(shop([one.target()]))
    front.table.apply(api([two.target()]))
    const target = async (line: string, host = 'blog.test'): Promise<string> => {
      const answer = await front.raw(`GET ${line} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
      return answer.startsWith('HTTP/1.1 400') ? '400' : (answer.trim().split(/\r?\n/).at(-2) ?? '')
    }
    for (const line of ['/api/../admin', '/api/%2e%2e/x', '//api', '/api%2f..', '/api;x', '/api\\x', '/api/..%5cx'])
      for (const host of ['blog.test', 'any.blog.test']) expect(await target(line, host), line).to.equal('400')
    expect(await target('http://blog.test/api/x', 'evil.test')).to.equal('api /api/x')
    expect(await target('http://blog.test/api/../x', 'evil.test')).to.equal('400')
    expect(await target('http://blog.test?/api', 'evil.test')).to.equal('shop /?/api')
    expect(await target('/%61pi')).to.equal('api /api')
    expect(await target('/API')).to.equal('shop /API')
  })

  it('is asked over HTTP/2 and by WebSockets, too', async () => {
    await using rig = await secure()
    await using plain = await router()
    await using one = await teller('shop')
    await using two = await teller('api')
    for (const { table } of [rig.front, plain]) {
      table.apply(shop([one.target()]))
      table.apply(api([two.target()]))
    }
    const over = session(rig.front)
    const ask = async (path: string, authority = 'blog.test') => {
      const { status, body } = await stream(over, { ':path': path, ':authority': authority })
      return status === 200 ? body : status
    }
    expect(await ask('/x')).to.equal('shop /x')
    expect(await ask('/api/x')).to.equal('api /api/x')
    expect(await ask('/api', 'any.blog.test')).to.equal('api / /api')
    expect(await ask('/api/../x')).to.equal(400)
    over.destroy()
    const hears = async (path: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${plain.port}${path}`, { headers: { host: 'any.blog.test' } })
      const [heard] = (await once(socket, 'message')) as [Buffer]
      socket.terminate()
      return heard.toString()
    }
    expect([await hears('/x'), await hears('/api/x?y')]).to.deep.equal(['shop /x', 'api /x?y'])
    const refused = new WebSocket(`ws://127.0.0.1:${plain.port}/api;x`, { headers: { host: 'blog.test' } })
    const [error] = (await once(refused, 'error')) as [Error]
    expect(error.message).to.include('400')
  })

  it('follows its own rules, and the redirects of the hostname', async () => {
    await using front = await router({ httpsPort: 8443 })
    await using one = await teller('shop')
    await using two = await teller('api')
    front.table.apply(shop([one.target()], { hosts: ['blog.test', 'www.blog.test'], rules: { maintenance: true } }))
    front.table.apply(api([two.target()], { rules: { headers: { 'x-of': 'api' } } }))
    expect((await front.send('blog.test', { path: '/' })).status).to.equal(503)
    expect((await front.send('blog.test', { path: '/api' })).headers['x-of']).to.equal('api')
    const redirects = { 'www.blog.test': 'blog.test' }
    front.table.apply(shop([one.target()], { hosts: ['blog.test', 'www.blog.test'], redirects, version: 2 }))
    const location = async (host: string, path: string) => (await front.send(host, { path })).headers.location
    expect(await location('www.blog.test', '/api/x?y')).to.equal('http://blog.test/api/x?y')
    front.table.apply(api([two.target()], { https: true, version: 2 }))
    expect(await location('blog.test', '/api'), 'who has the hostname says').to.equal(undefined)
    front.table.apply(shop([one.target()], { https: true, version: 3 }))
    expect(await location('blog.test', '/api/x')).to.equal('https://blog.test:8443/api/x')
  })

  it('is left out when it is gone, away, or the heir of the hostname has let nobody in', async () => {
    await using front = await router()
    await using one = await teller('shop')
    await using two = await teller('api')
    front.table.replace([api([two.target()]), shop([one.target()])])
    expect(await said(front, 'blog.test', '/api')).to.equal('api /api')
    front.table.apply(api([], { version: 2 }))
    expect(await said(front, 'blog.test', '/api'), 'the other is not asked in its place').to.equal(503)
    front.table.apply(api([two.target()], { version: 3, paths: [{ host: 'blog.test', path: '/v2', root: 'shop' }] }))
    expect(await said(front, 'blog.test', '/api')).to.equal('shop /api')
    expect(await said(front, 'blog.test', '/v2')).to.equal('api /v2')
    front.table.apply(shop([], { hosts: [], version: 2 }))
    front.table.apply(shop([one.target()], { app: 'heir', name: 'heir' }))
    expect(await said(front, 'blog.test', '/v2'), 'the heir has let nobody in').to.equal('shop /v2')
    front.table.remove('heir')
    front.table.apply(shop([one.target()], { version: 3 }))
    expect(await said(front, 'blog.test', '/v2')).to.equal('api /v2')
    front.table.remove('api')
    expect(await said(front, 'blog.test', '/v2')).to.equal('shop /v2')
  })

  it('is not sent, nor anybody else, what was read by a path that is led elsewhere meanwhile', async () => {
    await using front = await router()
    await using one = await teller('shop')
    await using two = await teller('api')
    const rules = { maintenance: true, hold: 20 } as const
    front.table.apply(shop([one.target()]))
    front.table.apply(api([two.target()], { rules }))
    const held = front.send('any.blog.test', { path: '/api/x' })
    while (front.table.find('api.test')?.rules?.held.size !== 1) await new Promise(setImmediate)
    front.table.apply(api([two.target()], { version: 2, paths: [] }))
    expect((await held).status).to.equal(503)
  })
})
