import { expect } from 'chai'
import { readHostname, toUnicode } from '../../src/lib/hostname.js'

const host = (text: string): string | null => {
  const read = readHostname(text)
  return 'host' in read ? read.host : null
}
const problem = (text: string): string | null => {
  const read = readHostname(text)
  return 'problem' in read ? read.problem : null
}

describe('a hostname', () => {
  it('is read as people write it', () => {
    expect(host('Shop.Example.ORG')).to.equal('shop.example.org')
    expect(host(' shop.example.org. ')).to.equal('shop.example.org')
    expect(host('*.Example.org')).to.equal('*.example.org')
    expect(host('a-b.x1.example')).to.equal('a-b.x1.example')
    expect(host('müller.example')).to.equal('xn--mller-kva.example')
    expect(host('MÜLLER.example')).to.equal('xn--mller-kva.example')
    expect(host('mu\u0308ller.example'), 'u and its dots apart').to.equal('xn--mller-kva.example')
    expect(host('例え。テスト'), 'with the full stop of Japanese').to.equal('xn--r8jz45g.xn--zckzah')
    expect(host('*.bücher.example')).to.equal('*.xn--bcher-kva.example')
    expect(host('xn--mller-kva.example')).to.equal('xn--mller-kva.example')
    expect(host(`${'a'.repeat(63)}.example`)).to.equal(`${'a'.repeat(63)}.example`)
  })

  it('is shown as people read it', () => {
    expect(toUnicode('xn--mller-kva.example')).to.equal('müller.example')
    expect(toUnicode('*.xn--bcher-kva.example')).to.equal('*.bücher.example')
    expect(toUnicode('shop.example.org')).to.equal('shop.example.org')
  })

  const wrong: Record<string, readonly string[]> = {
    'is empty': ['', ' ', '.', '*.', '*..'],
    'is a URL': ['https://shop.example.org', 'HTTP://x.example/a'],
    'has a port': ['shop.example.org:8080'],
    'is an IP address': ['10.0.0.1', '[::1]', '::1', '1.2.3', '0x7f.1', '127.1', '１２７.0.0.1', '*.10.0.0.1'],
    'has one label only': ['localhost', 'shop', 'com', 'ü'],
    'would be all of a top-level domain': ['*.com', '*.localhost'],
    'has a star within it': ['*', 'a.*.example.org', '*.*.example.org', 'a*.example.org', '**.example.org'],
    'has characters that no hostname has': [
      ...['a b.example.org', 'a/b.example.org', 'you@example.org', 'a%2eb.example.org', 'a\0.example.org', 'a\n.b.c'],
      ...[
        'a?b.example.org',
        'a#.example.org',
        "a'.example.org",
        '$(id).example.org',
        'a\\b.example.org',
        'a,b.example',
      ],
    ],
    'is longer than 253 characters': [Array.from({ length: 50 }, () => 'abcde').join('.')],
    'has a label of more than 63 characters': [`${'a'.repeat(64)}.example`, `${'ü'.repeat(60)}.example`],
    'is no hostname': [
      '-a.example',
      'a-.example',
      'a..example',
      '.example.org',
      'a_b.example.org',
      'a.example.1',
      'xn--a.example',
      'xn--.example',
      'xn--abc-.example',
      'a\u202eb.example',
    ],
  }
  for (const [what, all] of Object.entries(wrong))
    it(`says of one that it ${what}`, () => {
      expect(all.map((text) => [text, problem(text)])).to.deep.equal(all.map((text) => [text, what]))
    })
})
