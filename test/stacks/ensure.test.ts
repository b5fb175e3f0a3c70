import { expect } from 'chai'
import { stackImagesOf } from '../../src/stacks/ensure.js'

describe('the stack images of a Dockerfile', () => {
  const named = (dockerfile: string) => stackImagesOf(dockerfile).map(({ name, version }) => `${name} ${version}`)

  it('are those that Berth can make, once each, whatever stage begins with them', () => {
    expect(
      named(
        'FROM --platform=linux/amd64 node:24-bookworm-slim AS build\nRUN true\n  from docker.io/library/node:22.3-slim\nFROM node:24-bookworm-slim\n',
      ),
    ).to.deep.equal(['node:24-bookworm-slim 24', 'docker.io/library/node:22.3-slim 22.3'])
  })

  it('are none of those that Berth cannot make', () => {
    expect(named('FROM debian\nFROM node:24-alpine\nFROM node:7-slim\nFROM other/node:24-slim')).to.deep.equal([])
  })
})
