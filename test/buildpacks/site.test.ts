import { expect } from 'chai'
import { siteDirectory } from '../../src/buildpacks/site.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { withTree, type Files } from './trees.js'

const found = (files: Files): string | null => withTree(files, (directory) => siteDirectory(directoryTree(directory)))

describe('where a finished site lies', () => {
  it('is the root before a folder, and the first folder that has an index.html', () => {
    expect(found({ 'index.html': '', 'dist/index.html': '' })).to.equal('.')
    expect(found({ 'build/index.html': '', 'dist/index.html': '' })).to.equal('dist')
    expect(found({ 'public/app.js': '', '_site/index.html': '' })).to.equal('_site')
  })

  it('is nowhere without one', () => {
    expect(found({ 'index.htm': '', 'pages/index.html': '' })).to.equal(null)
  })
})
