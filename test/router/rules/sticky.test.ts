import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { WebSocket, WebSocketServer } from 'ws'
import { markOf, Sticky } from '../../../src/router/rules/sticky.js'
import type { Route, Target } from '../../../src/store/routes.js'
import { app, router, type App, type TestRouter } from '../parts.js'
import { secure, session, stream } from '../secure-rig.js'

/** A process that says its name, to WebSockets, too. */
async function named(name: string): Promise<App> {
  const one = await app((request, response) => {
    if (request.url === '/shared') response.setHeader('cache-control', 'public, max-age=60')
    if (request.url === '/cookies') response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.end(`${name} ${request.headers.cookie ?? ''}`.trim())
  })
  const sockets = new WebSocketServer({ noServer: true })
  one.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
    sockets.handleUpgrade(request, socket, head, (ws) => ws.on('error', () => undefined).send(name)),
  )
  return one
}

let version = 0
const blog = (targets: readonly Target[], more: Partial<Route> = {}): Route => ({
  ...{ app: 'id-blog', name: 'blog', hosts: ['blog.test'], targets, rules: { sticky: true }, version: ++version },
  ...more,
})

/** As a browser does: it keeps what it is told to. */
function visitor(front: TestRouter, host = 'blog.test') {
  const jar = new Map<string, string>()
  return {
    jar,
    visit: async (path = '/', options: Parameters<TestRouter['send']>[1] = {}) => {
      const cookie = Array.from(jar, (pair) => pair.join('=')).join('; ')
      const { body, headers } = await front.send(host, { path, ...options, headers: cookie ? { cookie } : {} })
      const set = headers['set-cookie'] ?? []
      for (const one of set) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(one) ?? []
        jar.set(name, value)
      }
      return { who: body.split(' ')[0] ?? '', set }
    },
  }
}

describe('sticky sessions', () => {
  it('have each client come back to its process, whatever it sends, also by way of another router', async () => {
    await using front = await router()
    await using next = await router()
    await using one = await named('one')
    await using two = await named('two')
    const route = blog([one.target(), two.target()])
    for (const { table } of [front, next]) table.apply(route)
    const clients = [visitor(front), visitor(front)]
    const first = await Promise.all(clients.map(({ visit }) => visit()))
    expect(first.map(({ who }) => who).sort(), 'those who are new are shared out').to.deep.equal(['one', 'two'])
    expect(first[0]?.set[0]).to.match(/^berth-[\w-]{8}=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/)
    for (const [at, { visit, jar }] of clients.entries()) {
      const mine = first[at]?.who
      for (const options of [{}, { method: 'POST', body: 'x' }, { method: 'HEAD' }]) {
        const { who, set } = await visit('/', options)
        expect([options.method === 'HEAD' ? mine : who, set]).to.deep.equal([mine, []])
      }
      const again = visitor(next)
      for (const [name, value] of jar) again.jar.set(name, value)
      for (let round = 0; round < 3; round++) expect(await again.visit()).to.deep.equal({ who: mine, set: [] })
    }
  })

  it('go on with another process when theirs is gone, or refuses, and come back there', async () => {
    await using front = await router()
    await using one = await named('one')
    await using two = await named('two')
    front.table.apply(blog([one.target(), two.target()]))
    const { visit } = visitor(front)
    const { who } = await visit()
    const [mine, other] = who === 'one' ? [one, two] : [two, one]
    front.table.apply(blog([other.target()]))
    const moved = await visit()
    expect(moved.who).not.to.equal(who)
    expect(moved.set).to.have.length(1)
    front.table.apply(blog([mine.target(), other.target()]))
    for (let round = 0; round < 3; round++) expect(await visit()).to.deep.equal({ who: moved.who, set: [] })
    await other[Symbol.asyncDispose]()
    const refused = await visit()
    expect([refused.who, refused.set.length]).to.deep.equal([who, 1])
    expect(await visit()).to.deep.equal({ who, set: [] })
  })

  it('hold for WebSockets, which set the cookie, too', async () => {
    await using front = await router()
    await using one = await named('one')
    await using two = await named('two')
    front.table.apply(blog([one.target(), two.target()]))
    const hears = async (cookie?: string) => {
      const headers = { host: 'blog.test', ...(cookie ? { cookie } : {}) }
      const socket = new WebSocket(`ws://127.0.0.1:${front.port}/`, { headers })
      const upgraded = once(socket, 'upgrade') as Promise<[IncomingMessage]>
      const [who] = (await once(socket, 'message')) as [Buffer]
      socket.terminate()
      return { who: who.toString(), set: (await upgraded)[0].headers['set-cookie'] ?? [] }
    }
    const { who, set } = await hears()
    const cookie = set[0]?.split(';')[0] ?? ''
    for (let round = 0; round < 3; round++) expect(await hears(cookie)).to.deep.equal({ who, set: [] })
    for (let round = 0; round < 3; round++)
      expect((await front.send('blog.test', { headers: { cookie } })).body.split(' ')[0]).to.equal(who)
  })

  it('tell it to HTTPS alone that came by it, and leave the cookies of the app', async () => {
    await using rig = await secure()
    await using one = await named('one')
    rig.front.table.apply(blog([one.target()]))
    const over = session(rig.front)
    const { headers } = await stream(over, { ':path': '/cookies' })
    const [a, b, own] = headers['set-cookie'] ?? []
    expect([a, b]).to.deep.equal(['a=1', 'b=2'])
    expect(own).to.match(/; Secure$/)
    const { body } = await stream(over, { cookie: ['x=y', own?.split(';')[0] ?? ''] })
    expect(body).to.match(/^one x=y; berth-/)
    over.destroy()
  })

  it('put nothing into answers that are for many, nor where nobody asked for it', async () => {
    await using front = await router()
    await using one = await named('one')
    front.table.apply(blog([one.target()]))
    expect((await visitor(front).visit('/shared')).set).to.deep.equal([])
    front.table.apply(blog([one.target()], { rules: { compress: true } }))
    expect((await visitor(front).visit()).set).to.deep.equal([])
  })

  it('of two apps on one hostname are two', async () => {
    await using front = await router()
    await using one = await named('one')
    await using two = await named('two')
    front.table.apply(blog([one.target()]))
    const paths = [{ host: 'blog.test', path: '/api', root: 'id-blog' }]
    front.table.apply(blog([two.target()], { app: 'id-api', name: 'api', hosts: ['api.test'], paths }))
    const { visit, jar } = visitor(front)
    expect([(await visit()).who, (await visit('/api')).who]).to.deep.equal(['one', 'two'])
    expect(jar.size).to.equal(2)
    expect([(await visit()).set, (await visit('/api')).set]).to.deep.equal([[], []])
  })

  it('name no container, and are no worse for what clients make up', () => {
    const id = 'c0ffee'.repeat(10)
    const sticky = new Sticky('a1')
    expect(markOf(id))
      .to.match(/^[\w-]{22}$/)
      .and.not.include('c0ffee')
    const name = /^[^=]+/.exec(sticky.cookieFor('', false))?.[0] ?? ''
    const read = (cookie: string) => sticky.markIn(['cookie', cookie])
    expect(read(`a=b; ${name}=${markOf(id)}; c=d`)).to.equal(markOf(id))
    expect(read(`a=b; x${name}=${markOf(id)}`)).to.equal(undefined)
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, value) => {
        const mark = read(`${before}; ${name}=${value}`)
        return mark === undefined || /^[\w-]{22}$/.test(mark)
      }),
    )
  })
})
