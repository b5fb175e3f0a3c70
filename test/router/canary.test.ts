import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { WebSocket, WebSocketServer } from 'ws'
import { isCanaryHeader, isCanaryRule, type CanaryRule } from '../../src/canary-rule.js'
import { CanaryGroup } from '../../src/router/canary.js'
import { parseRoute } from '../../src/router/record.js'
import type { Route, Target } from '../../src/store/routes.js'
import { app, rawApp, router, saying, type App, type TestRouter } from './parts.js'
import { secure, session, stream } from './secure-rig.js'

const seed = Number(process.env.BERTH_TEST_SEED ?? randomBytes(4).readUInt32BE())
const since = new Date(seed * 1000).toISOString()

let version = 0
const blog = (stable: readonly App[], canary: readonly App[], rule: Partial<CanaryRule>): Route => ({
  ...{ app: 'id-blog', name: 'blog', hosts: ['blog.test'], version: ++version },
  targets: [...stable.map((one) => one.target()), ...canary.map((one): Target => ({ ...one.target(), canary: true }))],
  canary: { since, percent: 0, ...rule },
})

/** So many clients, by what a proxy in front says of them. */
const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `10.${String(at >> 16)}.${String((at >> 8) & 255)}.${String(at & 255)}`)

const believing = (): Promise<TestRouter> => router({ trustedProxies: ['127.0.0.1'] })

const from = async (front: TestRouter, client: string, headers: Record<string, string> = {}) =>
  front.send('blog.test', { headers: { 'x-forwarded-for': client, ...headers } })

/** A process that tells WebSockets its name. */
async function greeting(name: string): Promise<App> {
  const one = await saying(name)
  const sockets = new WebSocketServer({ noServer: true })
  one.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
    sockets.handleUpgrade(request, socket, head, (ws) => ws.on('error', () => undefined).send(name)),
  )
  return one
}

/** How many of these clients get to the canary, and which. */
async function atCanary(front: TestRouter, clients: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>()
  const rest = [...clients]
  const worker = async (): Promise<void> => {
    for (let one = rest.pop(); one; one = rest.pop()) if ((await from(front, one)).body === 'canary') found.add(one)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  return found
}

describe('a canary', function () {
  this.timeout(60_000)

  it(`gets its share of 2,000 clients, each of them always the same (BERTH_TEST_SEED=${String(seed)})`, () => {
    const clients = addresses(2000)
    const of = (percent: number, began = since): Set<string> => {
      const group = new CanaryGroup('id-blog', { since: began, percent }, [])
      return new Set(clients.filter((client) => group.wants({ headers: [], client })))
    }
    const first = of(10)
    // the deviation of 2,000 draws of 10 % is 13.4: beyond 4.5 of those is one seed in 150,000
    expect(first.size).to.be.within(140, 260)
    expect(of(10)).to.deep.equal(first)
    const half = of(50)
    expect(half.size).to.be.within(900, 1100)
    expect(
      [...first].filter((one) => !half.has(one)),
      'those who go back when its share grows',
    ).to.deep.equal([])
    const next = of(10, new Date(seed * 1000 + 1).toISOString())
    expect([...next].filter((one) => first.has(one)).length, 'of the next, it is others').to.be.below(60)
  })

  it('keeps whom it has when their address changes, by a cookie, over HTTP/1, HTTP/2 and WebSockets', async () => {
    await using rig = await secure({ trustedProxies: ['127.0.0.1'] })
    const { front } = rig
    await using stable = await greeting('stable')
    await using canary = await greeting('canary')
    front.table.apply(blog([stable], [canary], { percent: 50 }))
    const over = session(front)
    const ask = async (client: string, cookie = '') => {
      const { body, headers } = await stream(over, { 'x-forwarded-for': client, ...(cookie && { cookie }) })
      return { body, cookie: headers['set-cookie']?.[0] }
    }
    const sides = new Map<string, string>()
    for (const client of addresses(40)) {
      const { body, cookie } = await ask(client)
      expect(cookie).to.match(/^berth-[\w-]{8}=\d{1,2}; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
      sides.set(body, cookie?.split(';')[0] ?? '')
    }
    expect([...sides.keys()].sort()).to.deep.equal(['canary', 'stable'])
    for (const [side, cookie] of sides)
      for (const client of addresses(40))
        expect(await ask(client, cookie)).to.deep.equal({ body: side, cookie: undefined })
    over.destroy()
    for (const [side, cookie] of sides)
      for (const client of addresses(10)) {
        const headers = { host: 'blog.test', cookie, 'x-forwarded-for': client }
        const socket = new WebSocket(`wss://127.0.0.1:${front.port}/`, { headers, rejectUnauthorized: false })
        const [who] = (await once(socket, 'message')) as [Buffer]
        socket.terminate()
        expect(who.toString()).to.equal(side)
      }
  })

  it('gets every request with its header, and without a percentage no other, nor a cookie', async () => {
    await using front = await believing()
    await using stable = await saying('stable')
    await using canary = await saying('canary')
    const header = { name: 'x-beta', value: '1' }
    front.table.apply(blog([stable], [canary], { header }))
    for (const client of addresses(10)) {
      const { body, headers } = await from(front, client)
      expect([body, headers['set-cookie']]).to.deep.equal(['stable', undefined])
      for (const value of ['0', '11', '1, 1', 'true'])
        expect((await from(front, client, { 'x-beta': value })).body).to.equal('stable')
      expect((await from(front, client, { 'X-Beta': '1' })).body).to.equal('canary')
    }
    front.table.apply(blog([stable], [canary], { header, percent: 50 }))
    const without = await atCanary(front, addresses(50))
    expect(without.size).to.be.within(5, 45)
    for (const client of addresses(10)) expect((await from(front, client, { 'x-beta': '1' })).body).to.equal('canary')
  })

  it('leaves its share to the others while nobody answers for it, and never gets theirs', async () => {
    await using front = await believing()
    const stable = await saying('stable')
    const canary = await saying('canary')
    front.table.apply(blog([stable], [canary], { percent: 50 }))
    const mine = [...(await atCanary(front, addresses(50)))]
    const others = addresses(50).filter((one) => !mine.includes(one))
    await canary[Symbol.asyncDispose]()
    for (const client of mine) expect((await from(front, client)).body).to.equal('stable')
    front.table.apply(blog([stable], [], { percent: 50 }))
    for (const client of mine) expect((await from(front, client)).body).to.equal('stable')
    await using again = await saying('canary')
    front.table.apply(blog([stable], [again], { percent: 50 }))
    await stable[Symbol.asyncDispose]()
    for (const client of others) expect((await from(front, client)).headers['x-berth-error']).to.equal('not-running')
    for (const client of mine) expect((await from(front, client)).body).to.equal('canary')
  })

  it('counts what each side answered, and what it did not answer well, until it is told', async () => {
    await using front = await believing()
    await using stable = await app((_, response) => response.writeHead(503).end())
    await using canary = await rawApp((socket) => socket.destroy())
    const header = { name: 'x-beta', value: '1' }
    front.table.apply(blog([stable], [canary], { header }))
    for (let round = 0; round < 3; round++) await from(front, '10.0.0.1')
    for (let round = 0; round < 2; round++)
      expect((await from(front, '10.0.0.1', { 'x-beta': '1' })).headers['x-berth-error']).to.equal('hung-up')
    await using well = await saying('well')
    front.table.apply(blog([well], [canary], { header, percent: 0 }))
    await from(front, '10.0.0.1')
    const counts = { stable: { requests: 4, errors: 3 }, canary: { requests: 2, errors: 2 } }
    expect(front.table.takeCounts()).to.deep.equal([{ app: 'id-blog', since, counts }])
    expect(front.table.takeCounts()).to.deep.equal([])
  })

  it('is of requests alone: ports of the machine lead to the others', async () => {
    await using front = await router()
    await using stable = await saying('stable')
    await using canary = await saying('canary')
    const ports = [{ port: 5432, protocol: 'tcp' as const, to: 5432, type: 'web' }]
    front.table.apply({ ...blog([stable], [canary], { percent: 99 }), ports })
    const [lead] = front.table.ports()
    expect(lead?.destination.backends.map(({ id }) => id)).to.deep.equal([stable.target().id])
  })

  it('is no better for what clients make up', () => {
    const group = new CanaryGroup('id-blog', { since, percent: 50 }, [])
    const line = group.cookieFor({ headers: [], client: '10.0.0.1' }, false) ?? ''
    const name = /^[^=]+/.exec(line)?.[0] ?? ''
    const wants = (cookie: string) => group.wants({ headers: ['cookie', cookie], client: '10.0.0.1' })
    const without = wants('')
    for (const [value, is] of [
      ['0', true],
      ['49', true],
      ['50', false],
      ['99', false],
    ] as const)
      expect(wants(`a=b; ${name}=${value}`), value).to.equal(is)
    for (const value of ['-1', '100', '1e1', '', 'x', '0x1', '0.5'])
      expect(wants(`${name}=${value}`), value).to.equal(without)
    fc.assert(fc.property(fc.string(), (value) => typeof wants(`${name}=${value}`) === 'boolean'))
  })

  it('has one number of all addresses of a network that one client has to itself', () => {
    const group = new CanaryGroup('id-blog', { since, percent: 50 }, [])
    const wants = (client: string) => group.wants({ headers: [], client })
    const sides = new Set(addresses(20).map((_, at) => wants(`2001:db8::${at.toString(16)}`)))
    expect(sides.size).to.equal(1)
    expect(new Set(addresses(40).map((_, at) => wants(`2001:db8:0:${at.toString(16)}::1`))).size).to.equal(2)
  })

  describe('of a route', () => {
    const target = { id: 'c1', process: 'web.c1', host: '10.87.1.2', port: 5000, canary: true }
    const route = { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [target], version: 3 }
    const rule = { since, percent: 10, header: { name: 'x-beta', value: '1' } }

    it('is read', () => {
      for (const canary of [rule, { since, percent: 10 }, { ...rule, percent: 0 }])
        expect(parseRoute(JSON.stringify({ ...route, canary }))).to.deep.equal({ ...route, canary })
    })

    for (const wrong of [
      ...[100, 101, -1, 0.5, 'ten', null].map((percent) => ({ ...rule, percent })),
      ...['', 'x y', 'X-Beta', 'host', 'content-length', 'cookie', 'x-forwarded-for', 'x:y'].map((name) => ({
        ...rule,
        header: { name, value: '1' },
      })),
      ...['', ' 1', '1\r\nx: y', '1\n', '\u0000', 'é'.repeat(3000)].map((value) => ({
        ...rule,
        header: { name: 'x-beta', value },
      })),
      { ...rule, since: 3 },
      'v12',
    ])
      it(`is refused as ${JSON.stringify(wrong).slice(0, 100)}`, () => {
        expect(isCanaryRule(wrong)).to.equal(false)
        expect(parseRoute(JSON.stringify({ ...route, canary: wrong }))).to.equal(null)
      })

    it('has a header that a request can have', () => {
      expect(isCanaryHeader({ name: 'x-beta', value: 'a b; c="d"' })).to.equal(true)
    })
  })
})
