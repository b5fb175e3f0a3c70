import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { addressOf, printable, resolveUrl } from '../../../src/git/remotes/url.js'

const parent = new URL('https://git.example.com/org/app.git')

const resolved = (text: string, from: URL | null = parent): string => {
  try {
    return addressOf(resolveUrl(text, from, 'lib').url)
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    return `${error.fault}: ${error.message}; ${error.hint ?? ''}`
  }
}

describe('the URL of a submodule', () => {
  for (const [text, href] of [
    ['https://github.com/org/lib.git', 'https://github.com/org/lib.git'],
    ['HTTPS://GitHub.com:443/org/lib', 'https://github.com/org/lib'],
    ['http://host:3000/~me/lib', 'http://host:3000/~me/lib'],
    ['https://ada:pw@host/lib?x#y', 'https://host/lib'],
    ['../lib.git', 'https://git.example.com/org/lib.git'],
    ['../../other/lib', 'https://git.example.com/other/lib'],
    ['./lib', 'https://git.example.com/org/app.git/lib'],
    ['.././../lib', 'https://git.example.com/lib'],
    ['http://0x7f.1/lib', 'http://127.0.0.1/lib'],
    ['git@github.com:org/lib.git', 'git@github.com:org/lib.git'],
    ['GitHub.com:org/lib.git', 'git@github.com:org/lib.git'],
    ['me@host:/srv/~x/lib', 'me@host:/srv/~x/lib'],
    ['git@[::1]:lib', 'git@[::1]:lib'],
    ['ssh://git@github.com:22/org/lib.git', 'ssh://git@github.com:22/org/lib.git'],
    ['git+ssh://github.com/org/lib.git', 'ssh://git@github.com/org/lib.git'],
    ['SSH://me@Host/~/lib', 'ssh://me@host/~/lib'],
  ] as const)
    it(`${text} is understood`, () => {
      expect(resolved(text)).to.equal(href)
    })

  for (const [text, words] of [
    ['file:///etc', /^invalid: lib: "file:\/\/\/etc" is a path/],
    ['FILE:/etc', /is a path/],
    ['/srv/git/lib.git', /is a path/],
    ['~me/lib', /is a path/],
    ['lib', /is a path/],
    ['', /is a path/],
    ['C:\\lib', /SSH|is a path/],
    ['ext::sh -c id', /"ext::sh -c id" would run a program on the server/],
    ['fd::7', /would run a program/],
    ['-u./payload', /begins with a dash/],
    ['ssh://-oProxyCommand=id/lib', /is no address for SSH/],
    ['-oProxyCommand=id@host:lib', /begins with a dash/],
    ['git@-oProxyCommand=id:lib', /is no address for SSH/],
    ['git@host:-u./payload', /is no address for SSH/],
    ['git@host:../etc', /is no address for SSH/],
    ["git@host:a';id;'", /is no address for SSH/],
    ['git@host:a b', /is no address for SSH/],
    ['git@host:a\nHost *', /is no address for SSH/],
    ['g%t@host:lib', /is no address for SSH/],
    ['ssh://git@host:99999/lib', /is no address for SSH/],
    ['ssh://git:hunter2@host/lib', /^(?!.*hunter2).*is no address for SSH; .*without a password/],
    ['ssh://host', /is not spoken here/],
    ['git://github.com/lib.git', /"git:\/\/github.com\/lib.git" is not spoken here/],
    ['ftp://host/lib', /is not spoken here/],
    ['https:///lib', /is no URL/],
    ['https://host\\@evil/lib', /is no URL/],
    ['https://ho st/lib', /is no URL/],
    ['https://host/lib\nurl = x', /is no URL/],
    ['https://user:secret@ho st/lib', /^(?!.*secret).*is no URL/],
    ['../../../lib', /leads above https:\/\/git.example.com/],
  ] as const)
    it(`${JSON.stringify(text)} is refused by name`, () => {
      expect(resolved(text)).to.match(words)
    })

  for (const [from, text, address] of [
    ['scp://git@host/org/app.git', '../lib.git', 'git@host:org/lib.git'],
    ['ssh://git@host:2222/org/app.git', '../lib.git', 'ssh://git@host:2222/org/lib.git'],
    ['scp://git@host/org/app.git', '../../../lib', /leads above git@host:/],
  ] as const)
    it(`${text} is understood from ${from}`, () => {
      expect(resolved(text, new URL(from))).to.match(typeof address === 'string' ? new RegExp(`^${address}$`) : address)
    })

  it('is refused when it is relative to nothing that is known', () => {
    expect(resolved('../lib.git', null)).to.match(/"..\/lib.git" is relative.*`berth git:set origin=/)
  })

  it('keeps its user and password apart, whatever they hold', () => {
    const { login } = resolveUrl('https://a%40b:p%3A%25%zz@host/lib', null, 'lib')
    expect([login?.user, login?.password.reveal()]).to.deep.equal(['a@b', 'p%3A%25%zz'])
    expect(resolveUrl('https://a%40b:p%3A@host/lib', null, 'lib').login?.password.reveal()).to.equal('p:')
    expect(printable('https://a:b@host/x\u001b[1m')).to.equal('https://host/x?[1m')
  })
})
