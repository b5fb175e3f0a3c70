import { expect } from 'chai'
import { SourceError } from '../../src/buildpacks/source-error.js'
import { readToml } from '../../src/buildpacks/toml.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { withTree, type Files } from './trees.js'

const read = (files: Files): unknown => withTree(files, (directory) => readToml(directoryTree(directory), 'a.toml'))

describe("a user's TOML file", () => {
  it('is read; one that is not there has nothing in it', () => {
    expect(read({ 'a.toml': '[tool]\nname = "b"' })).to.deep.equal({ tool: { name: 'b' } })
    expect(read({ 'b.toml': 'x = 1' })).to.deep.equal({})
  })

  it('is complained of at its line, with what to do', () => {
    let error: unknown
    try {
      read({ 'a.toml': 'a = 1\nb = = 2\n' })
    } catch (one) {
      error = one
    }
    expect(error).to.be.instanceOf(SourceError)
    const { message, line, hint } = error as SourceError
    expect(message).to.match(/^a\.toml:2:\d+: not TOML: (?!Invalid TOML)/)
    expect([line, hint]).to.deep.equal([2, 'correct a.toml, commit and push again'])
  })
})
