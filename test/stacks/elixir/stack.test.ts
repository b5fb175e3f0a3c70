import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { elixirStack } from '../../../src/stacks/elixir/stack.js'

describe('the stack of Elixir', () => {
  it('makes the images of the version that Debian has', async () => {
    const names = ['elixir:1.14-slim', 'docker.io/library/elixir:1.17.3', 'elixir:1.17-otp-27-slim']
    expect(names.map((name) => elixirStack.versionOf(name))).to.deep.equal(['1.14', '1.17.3', '1.17-otp-27'])
    for (const name of ['elixir', 'elixir:1.14-alpine', 'my/elixir:1.14', 'elixir:latest'])
      expect(elixirStack.versionOf(name), name).to.equal(null)
    for (const version of ['1.14', '1.14-otp-25'])
      expect(await elixirStack.parts('', version)).to.deep.equal({ elixir: '1.14' })
    await using source = await elixirStack.source('', { elixir: '1.14' })
    expect(source.dockerfile).to.include('LABEL berth.stack.parts="elixir@1.14"')
  })

  it('says which version can be had of one that cannot', async () => {
    const error = await elixirStack.parts('', '1.17-otp-27').catch((caught: unknown) => caught)
    expect(error)
      .to.be.instanceOf(BerthError)
      .with.property('message')
      .that.includes('Elixir 1.17-otp-27 is not to be had')
  })
})
