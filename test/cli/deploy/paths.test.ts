import { expect } from 'chai'
import { checkLink, Names, pathOfEntry } from '../../../src/cli/deploy/paths.js'

const refusal = (task: () => unknown): string => {
  try {
    task()
    return 'taken'
  } catch (error) {
    return (error as Error).message
  }
}

describe('an entry of an archive', () => {
  for (const [name, path] of [
    ['a', 'a'],
    ['./a//b/', 'a/b'],
    ['a/..b/c..', 'a/..b/c..'],
    ['', null],
    ['./', null],
    ['.git/config', null],
    ['sub/.GIT/hooks/x', null],
    ['.gitignore', '.gitignore'],
    ['a "quoted" name', 'a "quoted" name'],
    ['ü', 'ü'],
  ] as const)
    it(`named ${JSON.stringify(name)} is ${path ?? 'none of the app'}`, () => expect(pathOfEntry(name)).to.equal(path))

  for (const [name, words] of [
    ['/etc/passwd', /absolute/],
    ['C:/x', /absolute/],
    ['../x', /leads out/],
    ['a/../../x', /leads out/],
    ['a/..', /leads out/],
    ['a\\b', /backslash/],
    ['a\nb', /control/],
    ['a\0b', /control/],
    ['x'.repeat(256), /too long a name/],
    ['x/'.repeat(101), /too long a path/],
    ['xx/'.repeat(700), /too long a path/],
  ] as const)
    it(`named ${JSON.stringify(name.slice(0, 20))} is refused`, () =>
      expect(refusal(() => pathOfEntry(name))).to.match(words))

  it('is there once, and not as a file and a directory', () => {
    const names = (...all: string[]) => {
      const known = new Names()
      return refusal(() => all.forEach((name) => known.add(name)))
    }
    expect(names('a', 'b/c', 'b/d', 'A')).to.equal('taken')
    expect(names('a', 'a')).to.match(/there twice/)
    expect(names('a', 'a/b')).to.match(/"a" is a file and a directory/)
    expect(names('a/b/c', 'a')).to.match(/"a" is a file and a directory/)
    expect(names('a/b', 'a/b/c/d')).to.match(/"a\/b" is a file and a directory/)
  })

  it('is taken out of a directory that holds everything', () => {
    const only = (...all: string[]) => {
      const known = new Names()
      for (const name of all) known.add(name)
      return known.only
    }
    expect(only('app/a', 'app/b/c')).to.equal('app')
    expect(only('app/a', 'README')).to.equal(null)
    expect(only('a')).to.equal(null)
    expect(only('a', 'b')).to.equal(null)
  })

  for (const [path, target, inside] of [
    ['a', 'b', true],
    ['a/b', '../c', true],
    ['a/b/c', '../../d/e', true],
    ['bin/x', './../lib/x.js', true],
    ['a', '..', false],
    ['a/b', '../../c', false],
    ['a', '/etc/passwd', false],
    ['a', '', false],
    ['a', 'b/../../c', false],
    ['a', 'link/..', false], // link may lead up
    ['a/b', '..', true],
  ] as const)
    it(`${path} that links to "${target}" is ${inside ? 'taken' : 'refused'}`, () =>
      expect(refusal(() => checkLink(path, target))).to.match(inside ? /^taken$/ : /leads out/))
})
