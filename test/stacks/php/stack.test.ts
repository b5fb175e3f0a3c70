import { expect } from 'chai'
import { phpFiles, phpStage } from '../../../src/buildpacks/php/php-stage.js'
import { stackImagesOf, withStackImages } from '../../../src/stacks/ensure.js'
import { phpStack } from '../../../src/stacks/php/stack.js'

describe('the PHP stack', () => {
  it('stands for the stage that plans say in full, and keeps its name', async () => {
    const dockerfile = withStackImages(`${phpStage}\n\nFROM php\nCOPY . .\n`)
    expect(dockerfile).to.match(/^FROM localhost\/berth-php:[0-9a-f]{12} AS php\n\nFROM php\nCOPY \. \.\n$/)
    expect(stackImagesOf(dockerfile).map(({ stack }) => stack)).to.deep.equal([phpStack])
    await using source = await phpStack.source('', await phpStack.parts('', ''))
    expect(source.dockerfile).to.include(phpStage.split('\n')[1])
    for (const text of Object.values(phpFiles)) expect(phpStage).to.include(text)
  })
})
