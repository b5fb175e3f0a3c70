import { expect } from 'chai'
import { folderPattern, foldersOf } from '../../src/buildpacks/folders.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { withTree } from './trees.js'

describe('folders of a tree', () => {
  it('are named by patterns: a star within a name, two at any depth, all else as it is', () => {
    const matching = (pattern: string): string[] =>
      ['packages/a', 'packages/a/b', 'packages', 'packages.a', 'apps/web'].filter((one) =>
        folderPattern(pattern).test(one),
      )
    expect(matching('packages/*')).to.deep.equal(['packages/a'])
    expect(matching('./packages/**/')).to.deep.equal(['packages/a', 'packages/a/b'])
    expect(matching('packages.a')).to.deep.equal(['packages.a'])
    expect(matching('*/w*')).to.deep.equal(['apps/web'])
  })

  it('are listed to a depth of four, without hidden ones, installed packages and files', () => {
    const files = { 'a/b/c/d/e/f': '', '.git/x': '', 'a/node_modules/x/y': '', 'apps/web/package.json': '' }
    expect(withTree(files, (directory) => foldersOf(directoryTree(directory)))).to.deep.equal([
      ...['a', 'a/b', 'a/b/c', 'a/b/c/d'],
      ...['apps', 'apps/web'],
    ])
  })
})
