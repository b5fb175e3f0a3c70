import { expect } from 'chai'
import { ensureStacks, stackImagesOf, type StackDeps } from '../../src/stacks/ensure.js'

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

describe('a stack image', () => {
  /** An engine that has none, and breaks off the first builds. */
  function depsOf(breaks: number): { deps: StackDeps; builds: () => number } {
    let builds = 0
    const engine = {
      answers: () => Promise.resolve(true),
      images: { inspect: () => Promise.resolve(null), pull: () => [{ error: 'no registry' }] },
      builds: {
        build: () => {
          builds += 1
          if (builds > breaks) return [{ stream: 'made' }]
          throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
        },
      },
    }
    const config = { engineSocket: `/none/${String(breaks)}`, root: '/none', cache: '/none/cache' }
    const store = { redis: { hset: () => Promise.resolve(1) } }
    return { deps: { config, store, engine } as unknown as StackDeps, builds: () => builds }
  }
  const dockerfile = 'FROM ruby:3.1-slim-bookworm'

  it('is begun again when the engine goes away', async () => {
    const { deps, builds } = depsOf(1)
    const said: string[] = []
    await ensureStacks(deps, { dockerfile }, (line) => said.push(line))
    expect(builds()).to.equal(2)
    expect(said).to.include('The engine went away: beginning again')
  })

  it('is given up when it goes away each time', async () => {
    const { deps, builds } = depsOf(9)
    const error = await ensureStacks(deps, { dockerfile }, () => undefined).then(
      () => null,
      (one: unknown) => one,
    )
    expect(error).to.include({ message: 'the stack image ruby:3.1-slim-bookworm could not be made: aborted' })
    expect(builds()).to.equal(3)
  })
})
