import { expect } from 'chai'
import { rubyStack } from '../../../src/stacks/ruby/stack.js'

describe('the stack of Ruby', () => {
  it('makes the images of the version that Debian has, and says so of others', async () => {
    expect(rubyStack.versionOf('ruby:3.1-slim-bookworm')).to.equal('3.1')
    expect(rubyStack.versionOf('docker.io/library/ruby:3.3.1-slim')).to.equal('3.3.1')
    for (const name of ['ruby', 'ruby:3.1', 'ruby:3.1-alpine', 'my/ruby:3.1-slim'])
      expect(rubyStack.versionOf(name), name).to.equal(null)
    const parts = await rubyStack.parts('', '3.1')
    expect(parts).to.deep.equal({ ruby: '3.1.2' })
    await using source = await rubyStack.source('', parts)
    expect(source.dockerfile).to.include('LABEL berth.stack.parts="ruby@3.1.2"')
    const wrong = await Promise.resolve()
      .then(() => rubyStack.parts('', '3.3'))
      .catch((error: unknown) => error)
    expect(wrong).to.have.property('message').that.includes('Ruby 3.3 is not to be had')
  })
})
