import { expect } from 'chai'
import { debianImage, debianReleases, releaseNamed, usualRelease } from '../../../src/stacks/debian/releases.js'

describe("Debian's releases", () => {
  it('are named as tags name them', () => {
    expect(['trixie', '13', '13.1', 'stable', 'latest'].map(releaseNamed)).to.deep.equal(Array(5).fill('trixie'))
    expect(['bookworm', '12', '12.11'].map(releaseNamed)).to.deep.equal(Array(3).fill('bookworm'))
    expect(['sid', '14', '', '1', 'Bookworm', 'constructor'].map(releaseNamed)).to.deep.equal(Array(6).fill(undefined))
  })

  it('have an image each, and one that is taken unless told otherwise', () => {
    expect(debianReleases).to.include(usualRelease)
    expect(debianReleases.map(debianImage)).to.include('debian:bookworm-slim')
  })
})
