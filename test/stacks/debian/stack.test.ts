import { expect } from 'chai'
import { debianStack } from '../../../src/stacks/debian/stack.js'

describe('the stack of Debian', () => {
  it('makes the images of its releases by every name, but the one that the engine makes', () => {
    const of = (image: string) => debianStack.versionOf(image)
    for (const name of [
      'debian',
      'debian:latest',
      'debian:13-slim',
      'docker.io/library/debian:trixie',
      'debian:13.1',
      'debian:stable-slim',
    ])
      expect(of(name), name).to.equal('trixie')
    expect([of('debian:12'), of('debian:bookworm'), of('debian:11-slim')]).to.deep.equal([
      'bookworm',
      'bookworm',
      'bullseye',
    ])
    for (const name of ['debian:bookworm-slim', 'debian:buster', 'debian:sid', 'my/debian:13', 'debian:13-backports'])
      expect(of(name), name).to.equal(null)
  })

  it('stands on the one that the engine makes, and again in another month', async () => {
    const parts = await debianStack.parts('', 'trixie')
    expect(parts).to.have.keys('debian', 'of')
    await using source = await debianStack.source('', parts)
    expect(source.dockerfile)
      .to.match(/^FROM debian:bookworm-slim AS make\n/)
      .and.include('sed s/bookworm/trixie/g')
    await using same = await debianStack.source('', await debianStack.parts('', 'bookworm'))
    expect(same.dockerfile).to.match(/^FROM debian:bookworm-slim\nLABEL [^\n]*\n$/)
  })
})
