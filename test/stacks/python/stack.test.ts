import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { pythonStack } from '../../../src/stacks/python/stack.js'

describe('the stack of Python', () => {
  it('makes the slim images of the version that Debian has', async () => {
    const versions = ['python:3.11-slim-bookworm', 'docker.io/library/python:3-slim', 'python:3.11.9-slim'].map(
      (name) => pythonStack.versionOf(name),
    )
    expect(versions).to.deep.equal(['3.11', '3', '3.11.9'])
    for (const name of ['python:3.11', 'python:3.11-alpine', 'my/python:3.11-slim', 'python:2.7-slim'])
      expect(pythonStack.versionOf(name), name).to.equal(null)
    const parts = await pythonStack.parts('', '3')
    await using source = await pythonStack.source('', parts)
    expect(source.dockerfile)
      .to.match(/^FROM debian:bookworm-slim\n/)
      .and.include('LABEL berth.stack.parts="python@3.11"')
  })

  it('says what can be had of one that Debian does not have', async () => {
    const error = await pythonStack.parts('', '3.12').catch((error: unknown) => error)
    expect(error).to.be.instanceOf(BerthError)
    if (error instanceof BerthError)
      expect(`${error.message} ${error.hint ?? ''}`).to.match(/Python 3\.12 is not to be had.*ask for 3\.11/)
  })
})
