import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { pythonStack } from '../../../src/stacks/python/stack.js'

describe('the stack of Python', () => {
  it('makes the slim images of the version that Debian has', async () => {
    const versions = ['python:3.11-slim-bookworm', 'docker.io/library/python:3-slim', 'python:3.11.9-slim'].map(
      (name) => pythonStack.versionOf(name),
    )
    expect(versions).to.deep.equal(['3.11-slim-bookworm', '3-slim', '3.11.9-slim'])
    for (const name of ['python:3.11-alpine', 'my/python:3.11-slim', 'python:2.7-slim'])
      expect(pythonStack.versionOf(name), name).to.equal(null)
    const parts = await pythonStack.parts('', '3-slim')
    await using source = await pythonStack.source('', parts)
    expect(source.dockerfile)
      .to.match(/^FROM debian:bookworm-slim\n/)
      .and.include('LABEL berth.stack.parts="python@3.11"')
  })

  it('makes others on the release of Debian that has them, and those that are not slim with compilers', async () => {
    for (const [tag, parts] of [
      ['3.13-slim', { python: '3.13', debian: 'trixie' }],
      ['3.9-slim-bullseye', { python: '3.9', debian: 'bullseye' }],
      ['slim-trixie', { python: '3.13', debian: 'trixie' }],
      ['3.11', { python: '3.11', with: 'compilers' }],
      ['latest', { python: '3.11', with: 'compilers' }],
    ] as const)
      expect(await pythonStack.parts('', tag), tag).to.deep.equal(parts)
    await using slim = await pythonStack.source('', { python: '3.13', debian: 'trixie' })
    expect(slim.dockerfile)
      .to.match(/^FROM debian:trixie-slim\n/)
      .and.include('PYTHON_VERSION=3.13.5')
      .and.not.include('gcc')
    await using full = await pythonStack.source('', { python: '3.9', debian: 'bullseye', with: 'compilers' })
    expect(full.dockerfile).to.include('python3-distutils').and.include(' gcc ')
  })

  it('says what can be had of one that Debian does not have', async () => {
    const complaint = (tag: string): Promise<string> =>
      pythonStack.parts('', tag).then(
        () => 'it can be had',
        (error: unknown) => (error instanceof BerthError ? error.message : 'another error'),
      )
    expect(await complaint('3.12-slim')).to.match(
      /^Python 3\.12 is not to be had: .* Debian has 3\.9 \(bullseye\), 3\.11 \(bookworm\), 3\.13 \(trixie\)$/,
    )
    expect(await complaint('3.13-slim-bookworm')).to.include('Python 3.13 on bookworm is not to be had')
  })
})
