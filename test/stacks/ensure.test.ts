import { expect } from 'chai'
import { stackImagesOf } from '../../src/stacks/ensure.js'

describe('the stack images of a Dockerfile', () => {
  const named = (dockerfile: string) => stackImagesOf(dockerfile).map(({ name, version }) => `${name} ${version}`)

  it('are those that Berth can make, once each, whatever stage begins with them', () => {
    expect(
      named(
        'FROM --platform=linux/amd64 node:24-bookworm-slim AS build\nRUN true\n  from docker.io/library/node:22.3-slim\nFROM node:24-bookworm-slim\n',
      ),
    ).to.deep.equal(['node:24-bookworm-slim 24-bookworm-slim', 'docker.io/library/node:22.3-slim 22.3-slim'])
  })

  it('are told by the ARGs before the stages, and by what is copied or mounted from elsewhere', () => {
    const text = [
      'ARG NODE=22 SUFFIX="-slim"',
      'ARG UNKNOWN',
      'FROM node:${NODE}$SUFFIX AS Build',
      'ARG NODE=18',
      'FROM ${BASE:-debian:13-slim}',
      'COPY --chown=1:1 --from=build /a /b',
      'COPY --from=0 /a /b',
      'COPY --from=golang:1.22 /usr/local/go /go',
      'RUN --mount=type=bind,from=python:3.13-slim,target=/p true',
      'FROM debian:$UNKNOWN',
    ].join('\n')
    expect(named(text)).to.deep.equal([
      ...['node:22-slim 22-slim', 'debian:13-slim trixie', 'golang:1.22 1.22', 'python:3.13-slim 3.13-slim'],
    ])
    expect(stackImagesOf(text, { NODE: '24', BASE: 'scratch' }).map(({ name }) => name)[0]).to.equal('node:24-slim')
  })

  it('are none of those that Berth cannot make', () => {
    expect(
      named(
        'FROM debian:buster\nFROM node:24-alpine\nFROM node:7-slim\nFROM other/node:24-slim\nRUN <<X\nFROM node:24-slim\nX',
      ),
    ).to.deep.equal([])
  })
})
