import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { readModules } from '../../../src/git/submodules/modules.js'
import { readTree } from '../../../src/git/tree.js'
import { bareRepository, type BareRepository } from '../bare.js'

const limits = { files: 1000, tree: 2 ** 30 }

describe('.gitmodules', function () {
  this.timeout(20_000)
  let bare: BareRepository
  before(async () => {
    bare = await bareRepository()
  })
  after(() => bare[Symbol.asyncDispose]())

  /** A commit that has other commits in its tree, where git itself would not let it have them. */
  const read = async (text: string, paths: readonly string[], mode = '100644') => {
    const file = text === '' ? [] : [`${mode} blob ${await bare.blob(text)}\t.gitmodules`]
    const links = paths.map((path) => `160000 commit ${'1'.repeat(40)}\t${path}`)
    const commit = await bare.commitTree([...file, ...links])
    const facts = await readTree(bare.path, commit, {}, limits)
    return readModules(bare.path, commit, {}, facts).catch((error: unknown) => {
      if (!(error instanceof BerthError)) throw error
      return `${error.fault}: ${error.message}; ${error.hint ?? ''}`
    })
  }
  const section = (path: string, more = '', name = path) =>
    `[submodule "${name}"]\n\tpath = ${path}\n\turl = https://host/${path}\n${more}`

  it('says where pinned commits are from, and no more than that counts', async () => {
    const text = `${section('lib', '\tbranch = next\n\tshallow = true\n\tupdate = rebase\n')}${section('not-pinned', '\tupdate = !id\n')}[include]\n\tpath = /etc/passwd\n`
    expect(await read(text, ['lib'])).to.deep.equal([{ path: 'lib', commit: '1'.repeat(40), url: 'https://host/lib' }])
    expect(await read(section('a.b', '', 'x.y"'.replace('"', '')), ['a.b'])).to.have.length(1)
    expect(await read('', [])).to.deep.equal([])
  })

  for (const [what, text, paths, words, mode] of [
    ['there is none', '', ['a'], /^invalid: a: a commit of another repository is pinned there.*git rm --cached a /],
    ['one is not in it', section('a'), ['a', 'b', 'c', 'd', 'e'], /^invalid: b, c, d and 1 more: a commit/],
    ['it has no URL', '[submodule "a"]\n\tpath = a\n', ['a'], /^invalid: a: a commit/],
    ['it is a link', '/etc/passwd', ['a'], /^invalid: \.gitmodules is a symbolic link/, '120000'],
    ['it is none', '[submodule "a"\n', ['a'], /^invalid: \.gitmodules cannot be read/],
    ['it is large', `# ${'x'.repeat(65536)}\n${section('a')}`, ['a'], /^large: \.gitmodules is larger than 64 KiB/],
    ['a name leads elsewhere', section('a', '', '../../hooks'), ['a'], /^invalid: a: a submodule cannot be named/],
    ['a path begins with a dash', section('-a'), ['-a'], /^invalid: "-a" cannot be the path/],
    ['a command is to be run', section('a', '\tupdate = !id\n'), ['a'], /^invalid: a: .* wants a command run/],
  ] as const)
    it(`refuses a commit where ${what}`, async () => {
      expect(await read(text, paths, mode)).to.match(words)
    })

  it('names no more than so many', async () => {
    const paths = Array.from({ length: 101 }, (_, at) => `m${String(at).padStart(3, '0')}`)
    const refused = await read('x', paths).catch((error: unknown) => error)
    expect(refused).to.include({ fault: 'large' }).with.property('message').that.includes('more than 100 submodules')
  })
})
