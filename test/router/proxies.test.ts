import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { TrustedProxies } from '../../src/router/proxies.js'
import { app, router } from './parts.js'

const trusted = new TrustedProxies(['192.0.2.1', '10.0.0.0/8', 'fd00::/8', '::1'])

describe('a proxy in front', () => {
  const cases: [string, string, Record<string, string>, Record<string, unknown>][] = [
    [
      'nobody trusted says anything',
      '203.0.113.9',
      { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6' },
      { client: '203.0.113.9', proto: 'http' },
    ],
    ['it says nothing', '192.0.2.1', {}, { client: '192.0.2.1', proto: 'http' }],
    [
      'it names its client',
      '192.0.2.1',
      { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' },
      { client: '203.0.113.9', proto: 'https', port: 443 },
    ],
    [
      'its client has invented another',
      '192.0.2.1',
      { 'x-forwarded-for': '6.6.6.6, 203.0.113.9', 'x-forwarded-proto': 'https' },
      { client: '203.0.113.9', proto: 'https', port: 443 },
    ],
    [
      'its client has invented a trusted one',
      '192.0.2.1',
      { 'x-forwarded-for': '10.0.0.7, 203.0.113.9' },
      { client: '203.0.113.9', proto: 'http' },
    ],
    [
      'two of them stand in a row',
      '10.0.0.2',
      { 'x-forwarded-for': '6.6.6.6, 203.0.113.9, 192.0.2.1', 'x-forwarded-proto': 'ftp, https, http' },
      { client: '203.0.113.9', proto: 'https', port: 443 },
    ],
    ['all are trusted', '10.0.0.2', { 'x-forwarded-for': '10.0.0.9, 10.0.0.3' }, { client: '10.0.0.9', proto: 'http' }],
    [
      'an address is none',
      '10.0.0.2',
      { 'x-forwarded-for': '203.0.113.9, unknown' },
      { client: '10.0.0.2', proto: 'http' },
    ],
    [
      'addresses have ports',
      '10.0.0.2',
      { 'x-forwarded-for': '203.0.113.9:4711' },
      { client: '203.0.113.9', proto: 'http' },
    ],
    [
      'it speaks IPv6',
      'fd00::1',
      { 'x-forwarded-for': '[2001:DB8::7]:4711', 'x-forwarded-proto': 'HTTPS' },
      { client: '2001:db8::7', proto: 'https', port: 443 },
    ],
    [
      'it says host and port',
      '::1',
      {
        'x-forwarded-for': '2001:db8::7',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'Blog.example.com',
        'x-forwarded-port': '8443',
      },
      { client: '2001:db8::7', proto: 'https', authority: 'Blog.example.com', port: 8443 },
    ],
    [
      'the host has the port',
      '::1',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'blog.example.com:8443' },
      { client: '::1', proto: 'https', authority: 'blog.example.com:8443', port: 8443 },
    ],
    [
      'host, protocol and port are nonsense',
      '::1',
      { 'x-forwarded-proto': 'gopher', 'x-forwarded-host': '<b>', 'x-forwarded-port': '99999' },
      { client: '::1', proto: 'http' },
    ],
    ['it asks for a WebSocket', '::1', { 'x-forwarded-proto': 'wss' }, { client: '::1', proto: 'https', port: 443 }],
    [
      'it speaks RFC 7239',
      '192.0.2.1',
      { forwarded: 'for=6.6.6.6, for="[2001:db8::7]:80";proto=https;host="blog.example.com"' },
      { client: '2001:db8::7', proto: 'https', authority: 'blog.example.com', port: 443 },
    ],
    [
      'RFC 7239 with commas in quotes and a hidden client',
      '192.0.2.1',
      { forwarded: 'for=6.6.6.6;by="a, for=7.7.7.7; x", For=_hidden;Proto=HTTPS' },
      { client: '192.0.2.1', proto: 'https', port: 443 },
    ],
    [
      'RFC 7239 through two of them',
      '192.0.2.1',
      { forwarded: 'for=6.6.6.6;proto=http, for=203.0.113.9;proto=https, for=10.1.1.1;proto=http' },
      { client: '203.0.113.9', proto: 'https', port: 443 },
    ],
    [
      'both are sent: the first kind counts',
      '192.0.2.1',
      { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=6.6.6.6;proto=https' },
      { client: '203.0.113.9', proto: 'http' },
    ],
  ]
  for (const [what, peer, headers, visitor] of cases)
    it(`is understood where ${what}`, () => expect(trusted.visitor(peer, headers)).to.deep.equal(visitor))

  const ask = async (port: number, headers: Record<string, string>): Promise<[number, string]> => {
    const outgoing = request({ host: '127.0.0.1', port, headers })
    const [answer] = (await once(outgoing.end(), 'response')) as [IncomingMessage]
    return [answer.statusCode ?? 0, await text(answer)]
  }

  it('is told by its address, and apps see what it says; of anybody else they see what we saw', async () => {
    const said = {
      host: 'blog.test',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'blog.example.com',
      'x-real-ip': '6.6.6.6',
    }
    await using blog = await app((req, res) => res.end(JSON.stringify(req.headers)))
    for (const trustedProxies of [['127.0.0.0/8'], ['192.0.2.1']]) {
      await using front = await router({ trustedProxies })
      front.route('blog', blog.target())
      const [, body] = await ask(front.port, said)
      const seen = JSON.parse(body) as Record<string, string>
      expect(seen).not.to.have.any.keys('x-real-ip', 'forwarded')
      expect(seen).to.include(
        trustedProxies[0] === '127.0.0.0/8'
          ? {
              host: 'blog.test',
              'x-forwarded-for': '203.0.113.9',
              'x-forwarded-proto': 'https',
              'x-forwarded-host': 'blog.example.com',
              'x-forwarded-port': '443',
            }
          : {
              host: 'blog.test',
              'x-forwarded-for': '127.0.0.1',
              'x-forwarded-proto': 'http',
              'x-forwarded-host': 'blog.test',
              'x-forwarded-port': '8080',
            },
      )
    }
  })

  it('may put another name into Host than its client did; nobody else may', async () => {
    await using blog = await app((_req, res) => res.end('the blog'))
    for (const [trustedProxies, status] of [
      [['127.0.0.1'], 200],
      [[], 404],
    ] as const) {
      await using front = await router({ trustedProxies })
      front.route('blog', blog.target())
      expect((await ask(front.port, { host: '127.0.0.1:8080', 'x-forwarded-host': 'blog.test' }))[0]).to.equal(status)
    }
  })
})

describe('the setting BERTH_TRUSTED_PROXIES', () => {
  const read = (value: string) =>
    loadConfig({ BERTH_ROOT: '/nonexistent/berth', BERTH_TRUSTED_PROXIES: value }).trustedProxies

  it('takes addresses and networks of both kinds', () =>
    expect(read(' 192.0.2.1, 10.0.0.0/8,fd00::/8 ,::1,')).to.deep.equal(['192.0.2.1', '10.0.0.0/8', 'fd00::/8', '::1']))
  for (const value of ['proxy.example.com', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/', '10.0.0.0/8/9', '*'])
    it(`refuses ${value}`, () => expect(() => read(value)).to.throw(/BERTH_TRUSTED_PROXIES/))
})
