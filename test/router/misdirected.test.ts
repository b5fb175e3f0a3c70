import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { Authority, type Issued } from '../certificates/authority.js'
import { app } from './parts.js'
import { greet, secure, stream } from './secure-rig.js'

describe('a request over a connection that was made for another host', () => {
  let two: Issued
  before(async () => {
    await using authority = await Authority.open()
    two = await authority.issue(null, { names: ['blog.test', '*.wild.test'] })
  })

  const rigOf = async (trustedProxies: readonly string[] = []) => {
    const rig = await secure({ trustedProxies })
    const web = await app((_req, res) => res.end('ok'))
    rig.front.table.apply({
      ...{ app: 'a', name: 'a', targets: [web.target()], version: 1 },
      hosts: ['blog.test', 'shop.test', 'a.wild.test'],
    })
    const { cert: chain, key } = two
    const names = ['blog.test', '*.wild.test']
    rig.certificates.put({ id: '1', names, chain, key, app: null, source: 'own', notBefore: 0, notAfter: 9e15 })
    const close = async (): Promise<void> => {
      await rig[Symbol.asyncDispose]()
      await web[Symbol.asyncDispose]()
    }
    return { front: rig.front, [Symbol.asyncDispose]: close }
  }
  type Front = Awaited<ReturnType<typeof rigOf>>['front']
  const overHttp1 = async (front: Front, servername: string | undefined, host: string, more = ''): Promise<string> => {
    const socket = await greet(front, servername === undefined ? {} : { servername })
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`)
    return (await text(socket)).slice(9, 12)
  }
  const overHttp2 = async (front: Front, servername: string, host: string): Promise<number> => {
    const session = connectHttp2(`https://127.0.0.1:${String(front.port)}`, { rejectUnauthorized: false, servername })
    await once(session, 'connect')
    const { status } = await stream(session, { ':authority': host })
    // the session is good for its own hosts still
    expect((await stream(session, { ':authority': servername })).status).to.be.oneOf([200, 404])
    session.destroy()
    return status
  }

  it('is told to make one of its own, where the certificate that was shown does not cover its host', async () => {
    await using rig = await rigOf()
    const { front } = rig
    for (const host of ['shop.test', 'nobody.test', 'a.b.wild.test', 'wild.test']) {
      expect(await overHttp1(front, 'blog.test', host), host).to.equal('421')
      expect(await overHttp2(front, 'blog.test', host), host).to.equal(421)
    }
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
    expect(await overHttp1(front, 'blog.test', 'shop.test', upgrade)).to.equal('421')
  })

  it('is served where the certificate covers it, or its client verified none', async () => {
    await using rig = await rigOf()
    const { front } = rig
    for (const [servername, host] of [
      ['blog.test', 'BLOG.test:443'],
      ['blog.test', 'a.wild.test'],
      ['A.wild.test', 'blog.test'],
      ['unknown.test', 'shop.test'], // the self-signed one was shown
    ] as const) {
      expect(await overHttp1(front, servername, host), servername).to.equal('200')
      expect(await overHttp2(front, servername, host), servername).to.equal(200)
    }
    expect(await overHttp1(front, undefined, 'shop.test'), 'no name at all').to.equal('200')
  })

  it('is served where a trusted proxy sends it', async () => {
    await using rig = await rigOf(['127.0.0.0/8'])
    expect(await overHttp1(rig.front, 'blog.test', 'shop.test')).to.equal('200')
    expect(await overHttp2(rig.front, 'blog.test', 'shop.test')).to.equal(200)
  })
})
