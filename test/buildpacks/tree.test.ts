import { expect } from 'chai'
import { below, directoryTree, over } from '../../src/buildpacks/tree.js'
import { BerthError } from '../../src/errors.js'
import { withTree } from './trees.js'

describe('a tree with other text in a file', () => {
  it('has all but that at its top where there is none', () =>
    withTree({ a: '1', b: '2', 'c/a': '3' }, (directory) => {
      const tree = over(directoryTree(directory), 'a', null)
      expect([tree.names(), tree.names('c')]).to.deep.equal([['b', 'c'], ['a']])
      expect([tree.read('a'), tree.read('b'), tree.read('c/a')]).to.deep.equal([null, '2', '3'])
      const other = over(directoryTree(directory), 'a', '4')
      expect([other.read('a'), other.hasFile('a'), other.names()]).to.deep.equal(['4', true, ['a', 'b', 'c']])
      expect([tree.hasFile('a'), tree.hasFile('c/a'), tree.hasDirectory('c')]).to.deep.equal([false, true, true])
    }))
})

describe('a directory as a tree', () => {
  const files = {
    'a.txt': '\uFEFFone',
    'b/c.txt': 'two',
    'inside.txt': { to: 'b/c.txt' },
    folder: { to: 'b' },
    'outside.txt': { to: '/etc/hostname' },
    up: { to: '..' },
    loop: { to: 'loop' },
  }

  it('has files and folders, links to them inside it, and nothing out of it', () => {
    withTree(files, (directory) => {
      const tree = directoryTree(directory)
      expect(tree.names()).to.deep.equal(
        Object.keys(files)
          .map((path) => path.split('/')[0])
          .sort(),
      )
      expect(tree.names('b')).to.deep.equal(['c.txt'])
      expect([tree.read('a.txt'), tree.read('inside.txt'), tree.read('folder/c.txt')]).to.deep.equal([
        ...['one', 'two', 'two'],
      ])
      for (const path of ['outside.txt', 'up', 'loop', 'missing', '../x', 'up/x', 'a.txt/b']) {
        expect([tree.hasFile(path), tree.hasDirectory(path), tree.read(path)], path).to.deep.equal([false, false, null])
        expect(tree.names(path), path).to.deep.equal([])
      }
      expect([tree.hasFile('b'), tree.hasDirectory('b'), tree.read('b')]).to.deep.equal([false, true, null])
    })
  })

  it('refuses a file that is too large for what its name says', () => {
    withTree(files, (directory) => {
      expect(directoryTree(directory).read('b/c.txt', 3)).to.equal('two')
      expect(() => directoryTree(directory).read('b/c.txt', 2)).to.throw(BerthError, 'b/c.txt is 3 bytes')
    })
  })

  it('has trees below it', () => {
    withTree(files, (directory) => {
      const tree = directoryTree(directory)
      const b = below(tree, 'b')
      expect([b.names(), b.read('c.txt'), b.hasFile('c.txt'), b.hasFile('a.txt')]).to.deep.equal([
        ...[['c.txt'], 'two', true, false],
      ])
      expect(below(tree, '.')).to.equal(tree)
    })
  })
})
