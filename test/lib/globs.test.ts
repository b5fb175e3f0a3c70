import { expect } from 'chai'
import { globs } from '../../src/lib/globs.js'

describe('globs', () => {
  for (const [text, yes, no] of [
    ['apps/web/**', ['apps/web/a', 'apps/web/a/b', 'apps/web'], ['apps/webb/a', 'web/a', 'apps/a']],
    ['apps/web', ['apps/web', 'apps/web/a/b'], ['apps/web2', 'x/apps/web']],
    ['/apps/*/src', ['apps/a/src/x'], ['apps/a/b/src', 'apps/src']],
    ['**/*.md', ['a.md', 'a/b.md', 'a/b/c.md', 'x.md/y'], ['a.mdx', 'a/md']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z/d'], ['a/b', 'b/z']],
    ['a?c,[x-z]1,[!a]9', ['abc', 'y1', 'b9', 'aéc'], ['ac', 'w1', 'a9', 'abbc']],
    ['*', ['a', 'a/b', '.x'], []],
    ['apps/**, packages/** ,!**/*.md', ['apps/a', 'packages/b/c'], ['apps/a.md', 'docs/x']],
    ['!docs', ['a', 'src/docs'], ['docs/x', 'docs']],
    ['docs,!docs/x,docs/x/y', ['docs/a', 'docs/x/y'], ['docs/x/z']],
    ['', ['a'], []],
    ['a[b,c.d', ['a[b', 'c.d'], ['ab', 'cxd']],
  ] as const)
    it(`${text === '' ? 'of nothing' : text} fit what they name, and no other`, () => {
      for (const path of yes) expect(globs(text)(path), path).to.equal(true)
      for (const path of no) expect(globs(text)(path), path).to.equal(false)
    })

  it('take no long time, however they are written', () => {
    const began = performance.now()
    expect(globs('*a'.repeat(100))('a'.repeat(254) + 'b')).to.equal(false)
    expect(globs('**/a/'.repeat(40) + 'z')('a/'.repeat(1000) + 'b')).to.equal(false)
    expect(performance.now() - began).to.be.below(1000)
  })
})
