import { expect } from 'chai'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { listen } from '../engine/registry-lab.js'
import { endless, goodsOf, obeyed, type Odd, openRegistryLab, raw, type RegistryLab } from './hostile-registry.js'

const isManifest = (path: string) => path.includes('/manifests/')

describe('a registry whose answers are hostile', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(120_000)
  let lab: RegistryLab
  before(async () => (lab = await openRegistryLab()))
  after(() => lab[Symbol.asyncDispose]())
  const refuses: RegistryLab['refuses'] = (...args) => lab.refuses(...args)
  const good = goodsOf()

  describe('that redirects', () => {
    const to =
      (location: string): Odd =>
      (path, answer) =>
        isManifest(path) && answer.writeHead(307, { location }).end() === answer
    for (const location of [
      'file:///etc/passwd',
      'unix:///var/run/docker.sock',
      'data:application/json,{}',
      'gopher://x/',
      'javascript:1',
    ])
      it(`to ${location} is not followed`, () => refuses(/the registry redirects from http:\S+ to/, good, to(location)))
    it('to what is no address is not followed', () => refuses(/to what is no URL/, good, to('http://[')))
    it('in a circle, or without end, is given up', async () => {
      let hops = 0
      await refuses(/stopped after 5 redirects/, good, to('/v2/hostile/manifests/latest'))
      await refuses(
        /stopped after 5 redirects/,
        good,
        (path, answer) =>
          path.includes('manifests') &&
          answer.writeHead(302, { location: `/manifests/${String(hops++)}` }).end() === answer,
      )
      expect(hops).to.be.lessThan(10)
    })
    it('with a body that has no end is followed without reading it', async () => {
      let sent = { bytes: 0 }
      await refuses(/stopped after 5 redirects/, good, (path, answer) => {
        if (!isManifest(path)) return false
        answer.writeHead(307, { location: '/v2/hostile/manifests/latest' })
        return (sent = endless(answer, Buffer.alloc(65536))).bytes > 0
      })
      expect(sent.bytes).to.be.lessThan(12 << 20)
    })
  })

  describe('that wants to know who asks', () => {
    const challenge =
      (text: string): Odd =>
      (path, to) =>
        !path.startsWith('/token') && to.writeHead(401, { 'www-authenticate': text }).end() === to
    const bearer = (realm: string) => challenge(`Bearer realm="${realm}",service="x"`)
    const tokens =
      (body: string | ((to: ServerResponse) => void), status = 200): Odd =>
      (path, to, from) => {
        if (!path.startsWith('/token')) return bearer(`http://${lab.registry.host}/token`)(path, to, from)
        to.writeHead(status)
        if (typeof body === 'string') to.end(body)
        else body(to)
        return true
      }
    for (const realm of [
      'file:///etc/passwd',
      'unix:///run/x.sock',
      '/token',
      '',
      'http://',
      'data:application/json,{}',
    ])
      it(`at ${JSON.stringify(realm)} is refused`, () =>
        refuses(/names no place to get a token from/, good, bearer(realm)))

    const table: Readonly<Record<string, readonly [odd: Odd, words: RegExp]>> = {
      'with a token that has no end': [
        tokens((to) => endless(to, Buffer.alloc(65536, ' '))),
        /the token is larger than/,
      ],
      'with a token that is no JSON': [tokens('\x1b[2Jno'), /did not include a token/],
      'with nothing for a token': [tokens('null'), /did not include a token/],
      'with a token of two lines': [tokens('{"token":"a\\r\\nx-more: y"}'), /did not include a token/],
      'with a list for a token': [tokens('{"token":["x"]}'), /did not include a token/],
      'with a token that it does not take': [tokens('{"token":"x","expires_in":-1e99}'), /unauthorized/],
      'and denies the token': [
        tokens('{"errors":[{"code":"DENIED","message":"\\u001b]0;x\\u0007\\u009b2Jno"}]}', 403),
        /denied/,
      ],
      'in words without end': [challenge(`Bearer ${'realm="x",'.repeat(1_500)}`), /names no place to get a token/],
      'in a way nobody knows': [challenge('Negotiate \x80\xff'), /unauthorized/],
    }
    for (const [what, [odd, words]] of Object.entries(table)) it(`${what} is refused`, () => refuses(words, good, odd))

    it('is told only to whom it names, and not by a redirect', async () => {
      const seen: string[] = []
      await using other = await listen((from, to) => {
        seen.push(`${(from.url ?? '').replace(/\?.*/, '')} ${from.headers.authorization ?? 'nothing'}`)
        to.writeHead(403).end()
      })
      const auth = Buffer.from('me:secret').toString('base64')
      writeFileSync(join(lab.engine.dir, 'config.json'), JSON.stringify({ auths: { [lab.registry.host]: { auth } } }))
      try {
        const basic: Odd = (path, to, from) => {
          if (from.headers.authorization === undefined) return challenge('Basic realm="x"')(path, to, from)
          return to.writeHead(307, { location: `http://${other.host}/redirected` }).end() === to
        }
        await refuses(/denied/, good, basic)
        await refuses(/denied/, good, bearer(`http://${other.host}/realm`))
        expect(seen).to.deep.equal(['/redirected nothing', `/realm Basic ${auth}`])
      } finally {
        writeFileSync(join(lab.engine.dir, 'config.json'), '{}')
      }
    })
  })

  describe('that fails', () => {
    const fails =
      (status: number, body: Buffer | string, headers = {}): Odd =>
      (path, to) =>
        isManifest(path) && to.writeHead(status, headers).end(body) === to
    const said = (message: string, code = 'UNKNOWN') => JSON.stringify({ errors: [{ code, message }] })
    const table: Readonly<Record<string, readonly [odd: Odd, words: RegExp]>> = {
      'in words for a terminal': [fails(400, said('\x1b[2J\x1b]0;owned\x07\x9b31m\nfirst\rlast')), /first.*last/s],
      'with a code for a terminal': [fails(400, said('x', '\x1b[2JA\x9bB')), /a.*b: x/],
      'in megabytes': [fails(400, said('x'.repeat(5_000_000))), /400 Bad Request/],
      'in a kilobyte and more': [fails(400, said('x'.repeat(60_000))), /unknown: x{1000}/],
      'in gzip': [fails(400, gzipSync(said('hello')), { 'content-encoding': 'gzip' }), /400 Bad Request/],
      'in words of another type': [fails(400, '{"errors":{"0":{"code":5}}}'), /400 Bad Request/],
      'with nothing': [fails(400, 'null'), /400 Bad Request/],
      'with a status that is for a terminal': [
        (path, to) => isManifest(path) && raw(to, `HTTP/1.1 400 a\x9b2J${'b'.repeat(5_000)}\r\n\r\n`),
        /400 a/,
      ],
      'with a status that is none': [
        (path, to) => isManifest(path) && raw(to, 'HTTP/1.1 999999 x\r\n\r\n'),
        /malformed|Parse Error|Invalid status/i,
      ],
      'in another protocol': [
        (path, to) => isManifest(path) && raw(to, '220 mail.example ESMTP\r\n'),
        /malformed|Parse Error|Expected HTTP/i,
      ],
    }
    for (const [what, [odd, words]] of Object.entries(table)) it(`${what} is told so`, () => refuses(words, good, odd))

    it('a login or a search is told so, in words for people', async () => {
      const noisy = '\x1b[2J\x9b31m'
      const status = `401 ${noisy}no`
      lab.registry.serve(good, (path, to) => path === '/v2/' && raw(to, `HTTP/1.1 ${status}\r\n\r\n`))
      const login = await lab.engine.docker('login', '-u', 'me', '-p', 'x', lab.registry.host)
      expect(login.code).to.equal(1)
      expect(login.stderr)
        .to.match(/failed with status: 401/)
        .and.not.to.match(obeyed)
      const repositories = [`a${noisy}b`, 7, null]
      lab.registry.serve(
        good,
        (path, to) => path.includes('_catalog') && to.end(JSON.stringify({ repositories })) === to,
      )
      const search = await lab.engine.docker('search', `${lab.registry.host}/a`)
      expect(search.stdout)
        .to.match(/\/a \[2J 31mb/)
        .and.not.to.match(obeyed)
    })

    it('with a list of tags that are none, or has no end, is refused', async () => {
      const list =
        (tags: unknown, link = ''): Odd =>
        (path, to) =>
          path.includes('/tags/list') &&
          to.writeHead(200, link === '' ? {} : { link }).end(JSON.stringify({ tags })) === to
      for (const tag of ['../../../../x', 'a b', '\x1b[2J', 'a?b', ''])
        await refuses(/invalid tag/, good, list([tag]), '-a')
      const many = Array.from({ length: 100_000 }, (_, n) => `tag-${String(n)}-${'x'.repeat(20)}`)
      await refuses(/too many tags/, good, list(many, '</v2/hostile/tags/list?again>; rel="next"'), '-a')
      await refuses(
        /not JSON|list of tags/,
        good,
        (path, to) => path.includes('/tags/list') && to.end('\x1b[2J') === to,
        '-a',
      )
    })
  })
})
