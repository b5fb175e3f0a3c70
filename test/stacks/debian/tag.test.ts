import { expect } from 'chai'
import { readTag, tagIn } from '../../../src/stacks/debian/tag.js'

describe('the tag of an official image', () => {
  it('is that of a family, whatever its registry is called', () => {
    for (const prefix of ['', 'library/', 'docker.io/library/', 'docker.io/'])
      expect(tagIn('node', `${prefix}node:24-slim`), prefix).to.equal('24-slim')
    expect(tagIn('node', 'node')).to.equal('latest')
    for (const other of ['python:3', 'example.com/node:24', 'node@sha256:0123', 'mine/node:24'])
      expect(tagIn('node', other), other).to.equal(null)
  })

  it('names a version, a release of Debian and whether it is slim, in any order of the latter', () => {
    expect(readTag('3.11-slim-bookworm')).to.deep.equal({ version: '3.11', slim: true, release: 'bookworm' })
    expect(readTag('24.1.0-bookworm-slim')).to.deep.equal({ version: '24.1.0', slim: true, release: 'bookworm' })
    expect(readTag('latest')).to.deep.equal({ version: '', slim: false, release: undefined })
    expect(readTag('lts')).to.deep.equal({ version: 'lts', slim: false, release: undefined })
    expect(readTag('trixie')).to.deep.equal({ version: '', slim: false, release: 'trixie' })
  })

  it('is none that Berth makes with another word in it', () => {
    for (const tag of ['24-alpine', 'alpine', '24-windowsservercore', '3.11-latest', '1.2.3.4', ''])
      expect(readTag(tag), tag).to.equal(null)
  })
})
