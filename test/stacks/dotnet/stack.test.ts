import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { dotnetStack } from '../../../src/stacks/dotnet/stack.js'

describe('the stack of .NET', () => {
  it('knows its images, and says that they cannot be made', async () => {
    const names = [
      'dotnet/sdk:8.0',
      'dotnet/aspnet:9.0',
      'dotnet/runtime:10.0',
      'dotnet/sdk:8.0-alpine',
      'other/sdk:8.0',
    ]
    expect(names.map((name) => dotnetStack.versionOf(name))).to.deep.equal(['8.0', '9.0', '10.0', null, null])
    const error = await dotnetStack.parts('', '8.0').catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(BerthError).with.property('message').that.includes('.NET 8.0 is not to be had')
    expect((error as BerthError).hint).to.include('tag them dotnet/sdk:8.0')
  })
})
