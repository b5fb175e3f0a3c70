import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { buildpackOf, buildpacks } from '../../src/buildpacks/index.js'

describe('the buildpacks', () => {
  it('are found by the name that their plans have', () => {
    for (const buildpack of buildpacks) expect(buildpackOf(buildpack.name)).to.equal(buildpack)
    expect(buildpackOf('cobol')).to.equal(undefined)
  })

  it('are in the list of docs/deploying.md', () => {
    const docs = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8')
    for (const { landmark } of buildpacks) expect(docs).to.include(`| \`${landmark}\``)
  })
})
