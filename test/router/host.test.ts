import { expect } from 'chai'
import fc from 'fast-check'
import { normaliseHost } from '../../src/router/host.js'

describe('a Host header', () => {
  for (const [given, expected] of [
    ['blog.localhost', 'blog.localhost'],
    ['BLOG.LocalHost', 'blog.localhost'],
    ['blog.localhost:8080', 'blog.localhost'],
    ['blog.localhost.', 'blog.localhost'],
    ['blog.localhost.:80', 'blog.localhost'],
    ['blog.localhost:', 'blog.localhost'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:8080', '[::1]'],
    ['my_app.localhost', 'my_app.localhost'],
  ] as const)
    it(`reads ${given} as ${expected}`, () => expect(normaliseHost(given)).to.equal(expected))

  for (const rubbish of [
    '',
    ' ',
    ':80',
    '.',
    'a..b',
    '..',
    'a b',
    'a/b',
    'user@host',
    'a:b',
    'a:123456',
    'ä.de',
    '<script>',
    '-a',
    'a,b',
  ])
    it(`refuses ${JSON.stringify(rubbish)}`, () => expect(normaliseHost(rubbish)).to.equal(null))

  it('refuses a name of more than 253 characters', () => expect(normaliseHost('a'.repeat(254))).to.equal(null))

  it('comes out as something that goes in unchanged, whatever came', () => {
    const authority = fc.string({
      unit: fc.constantFrom('a', 'B', '9', '_', '-', '.', ':', '[', ']', ' ', '/', '@'),
      maxLength: 300,
    })
    fc.assert(
      fc.property(authority, (given) => {
        const host = normaliseHost(given)
        return host === null || normaliseHost(host) === host
      }),
    )
  })
})
