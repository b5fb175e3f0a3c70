import { expect } from 'chai'
import { toolsStage } from '../../../src/buildpacks/cpp/tools-stage.js'
import { cppStack } from '../../../src/stacks/cpp/stack.js'
import { stackImagesOf, withStackImages } from '../../../src/stacks/ensure.js'

describe('the stack of C and C++', () => {
  it('is the stage that plans say in full', async () => {
    const dockerfile = withStackImages(`${toolsStage}\nRUN make\n`)
    expect(dockerfile).to.match(/^FROM localhost\/berth-cpp:\w{12} AS build\nRUN make\n$/)
    expect(stackImagesOf(dockerfile).map(({ stack }) => stack)).to.deep.equal([cppStack])
    const parts = await cppStack.parts('', '')
    await using source = await cppStack.source('', parts)
    expect(source.dockerfile).to.include(toolsStage.split('\n')[1])
  })
})
