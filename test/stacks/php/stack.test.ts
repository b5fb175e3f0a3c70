import { expect } from 'chai'
import { phpStages } from '../../../src/buildpacks/php/php-stage.js'
import { stackImagesOf, withStackImages } from '../../../src/stacks/ensure.js'
import { phpStacks } from '../../../src/stacks/php/stack.js'

describe('the PHP stacks', () => {
  for (const [index, { line, release, text, files }] of phpStages.entries())
    it(`stand for the stage that plans of ${line} say in full, and keep its name`, async () => {
      const dockerfile = withStackImages(`${text}\n\nFROM php\nCOPY . .\n`)
      expect(dockerfile).to.match(/^FROM localhost\/berth-php:[0-9a-f]{12} AS php\n\nFROM php\nCOPY \. \.\n$/)
      const [{ stack, version } = { stack: null, version: '' }] = stackImagesOf(dockerfile)
      expect(stack).to.equal(phpStacks[index])
      await using source = await phpStacks[index]?.source('', { stage: version })
      expect(source?.dockerfile.split('\n')[0]).to.equal(`FROM debian:${release}-slim`)
      expect(source?.dockerfile).to.include(text.split('\n')[1])
      for (const content of Object.values(files)) expect(text).to.include(content)
    })
})
