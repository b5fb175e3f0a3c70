import { expect } from 'chai'
import { urlAt } from '../../src/router/redirect.js'
import { app, router } from './parts.js'

describe('a hostname that leads to another', () => {
  const hosts = ['example.org', 'www.example.org', '*.old.example']
  const redirects = { 'www.example.org': 'example.org', '*.old.example': 'example.org' }

  it('sends clients on with path, query, scheme and port as they came, and their method', async () => {
    await using front = await router({ trustedProxies: ['127.0.0.1'], challenges: () => Promise.resolve('answer') })
    await using blog = await app((_request, response) => response.end('the app'))
    const targets = [blog.target()]
    front.table.apply({ app: 'a1', name: 'blog', hosts, targets, redirects, version: 1 })
    const ask = async (
      host: string,
      path = '/',
      options: { method?: string; body?: string; headers?: object } = {},
    ) => {
      const { status, headers, body } = await front.send(host, { path, ...options } as Parameters<typeof front.send>[1])
      return [status, headers.location ?? body]
    }
    expect(await ask('example.org')).to.deep.equal([200, 'the app'])
    expect(await ask('www.example.org', '/a?b=c%20d')).to.deep.equal([301, 'http://example.org/a?b=c%20d'])
    expect(await ask('WWW.example.org:8080', '//evil.example/x')).to.deep.equal([
      ...[301, 'http://example.org:8080//evil.example/x'],
    ])
    expect(await ask('any.old.example', '/', { method: 'POST', body: 'x'.repeat(100_000) })).to.deep.equal([
      ...[308, 'http://example.org/'],
    ])
    expect(await ask('www.example.org', '/', { method: 'HEAD' })).to.deep.equal([301, 'http://example.org/'])
    const headers = { 'x-forwarded-proto': 'https' }
    expect(await ask('www.example.org', '/', { headers })).to.deep.equal([301, 'https://example.org/'])
    const challenge = '/.well-known/acme-challenge/token'
    expect(await ask('www.example.org', challenge), 'a CA is answered first').to.deep.equal([200, 'answer'])
    const twice =
      'GET / HTTP/1.1\r\nhost: www.example.org\r\n\r\nGET / HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n'
    expect(await front.raw(twice), 'the connection is kept').to.match(/301 Moved[\s\S]*200 OK/)
    front.table.apply({ app: 'a1', name: 'blog', hosts, targets, version: 2 })
    expect(await ask('www.example.org')).to.deep.equal([200, 'the app'])
  })

  it('sends clients on to HTTPS in the same step, unless they came by it', async () => {
    await using blog = await app((_request, response) => response.end('the app'))
    const route = {
      app: 'a1',
      name: 'blog',
      hosts,
      targets: [blog.target()],
      redirects,
      https: true,
      version: 1,
    } as const
    for (const [httpsPort, port] of [
      [8443, ':8443'],
      [443, ''],
      [undefined, ''],
    ] as const) {
      await using front = await router({
        ...{ trustedProxies: ['127.0.0.1'], challenges: () => Promise.resolve('answer') },
        ...(httpsPort === undefined ? {} : { httpsPort }),
      })
      front.table.apply(route)
      const ask = async (host: string, headers = {}) =>
        (await front.send(host, { path: '/a?b', headers })).headers.location
      expect(await ask('example.org:8080')).to.equal(`https://example.org${port}/a?b`)
      expect(await ask('www.example.org')).to.equal(`https://example.org${port}/a?b`)
      const secure = { 'x-forwarded-proto': 'https' }
      expect(await ask('example.org', secure)).to.equal(undefined)
      expect(await ask('www.example.org:9443', secure)).to.equal('https://example.org:9443/a?b')
      const challenge = await front.send('example.org', { path: '/.well-known/acme-challenge/token' })
      expect(challenge.body, 'a CA comes by plain HTTP').to.equal('answer')
    }
  })

  it('makes URLs that a header may hold', () => {
    const at = (path: string, authority = 'x') => urlAt('example.org', 'https', { authority, path })
    expect(at('*')).to.equal('https://example.org/')
    expect(at('/ü\u0001"%0d%0a')).to.equal('https://example.org/%FC%01"%0d%0a')
    expect(at('/', '[::1]:8443')).to.equal('https://example.org:8443/')
    expect(at('/', '[::1]')).to.equal('https://example.org/')
  })
})
