import { expect } from 'chai'
import type { BodyFraming } from '../../src/framing.js'
import { requestHeaders, requestIdOf } from '../../src/router/headers.js'

const forwarded = {
  client: '192.0.2.7',
  authority: 'Blog.test:8080',
  port: 8080,
  proto: 'http',
  id: 'the-request',
} as const
const prepared = (headers: Record<string, string>, frame: BodyFraming = { kind: 'none' }): Record<string, unknown> => {
  const list = requestHeaders({ host: 'blog.test', ...headers }, frame, forwarded)
  const pairs = list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]] as const] : []))
  expect(new Set(pairs.map(([name]) => name)).size, 'said once each').to.equal(pairs.length)
  return Object.fromEntries(pairs)
}

describe('the headers of a request', () => {
  it('say where it came from, in our words alone', () => {
    const headers = prepared({
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-server': 'evil',
      x_forwarded_for: '6.6.6.6',
      'x.forwarded!for': '6.6.6.6',
      x_berth_identity: 'a.b.c',
      'x-berth-identity': 'a.b.c',
      'x-berth.identity': 'a.b.c',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
      'x-request-id': 'client-chosen',
    })
    expect(headers).to.deep.equal({
      host: 'Blog.test:8080',
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-host': 'Blog.test:8080',
      'x-forwarded-port': '8080',
      'x-forwarded-proto': 'http',
      'x-request-id': 'the-request',
    })
  })

  it('lose what is meant for this hop, named in Connection or not', () => {
    const headers = prepared({
      connection: 'close, X-Secret ,Keep-Alive',
      'x-secret': '1',
      'keep-alive': 'timeout=5',
      'proxy-authorization': 'Basic eDp5',
      'proxy-connection': 'keep-alive',
      te: 'trailers',
      upgrade: 'h2c',
      expect: '100-continue',
      accept: '*/*',
    })
    expect(headers).to.include({ accept: '*/*' })
    for (const gone of [
      'connection',
      'x-secret',
      'keep-alive',
      'proxy-authorization',
      'proxy-connection',
      'te',
      'upgrade',
      'expect',
    ])
      expect(headers).not.to.have.property(gone)
  })

  it('say the frame that was read, whatever they said of one and whatever Connection names', () => {
    const said = {
      connection: 'content-length, transfer-encoding, host',
      'content-length': '5',
      'transfer-encoding': 'chunked',
      content_length: '7',
      transfer_encoding: 'chunked',
    }
    const framing = ['content-length', 'transfer-encoding', 'content_length', 'transfer_encoding']
    const frameIn = (headers: Record<string, unknown>) =>
      Object.fromEntries(framing.flatMap((name) => (name in headers ? [[name, headers[name]]] : [])))
    expect(frameIn(prepared(said))).to.deep.equal({})
    expect(frameIn(prepared(said, { kind: 'length', bytes: 5 }))).to.deep.equal({ 'content-length': '5' })
    expect(frameIn(prepared(said, { kind: 'chunked' }))).to.deep.equal({ 'transfer-encoding': 'chunked' })
    expect(prepared(said)).to.include({ host: 'Blog.test:8080' })
  })

  it('lose what a CGI-like server would take for ours or for its own, in any spelling', () => {
    const forged = ['proxy', 'x_forwarded_for', 'x-forwarded_proto', 'x_real_ip', 'proxy_authorization', 'x-forwarded']
    const headers = prepared(Object.fromEntries(forged.map((name) => [name, 'forged'])))
    expect(Object.values(headers)).not.to.include('forged')
    expect(prepared({ x_token: 'kept', proxy_pass: 'kept' })).to.include({ x_token: 'kept', proxy_pass: 'kept' })
  })
})

describe("a client's request id", () => {
  it('is kept when harmless', () =>
    expect(requestIdOf({ 'x-request-id': '4f1c-22:aa_b.9' })).to.equal('4f1c-22:aa_b.9'))
  for (const id of ['short', 'has space in it', 'x'.repeat(129), 'inject\u001b[31mred', '<b>bold</b>'])
    it(`is not when it is ${JSON.stringify(id.slice(0, 20))}`, () =>
      expect(requestIdOf({ 'x-request-id': id })).to.equal(undefined))
})
