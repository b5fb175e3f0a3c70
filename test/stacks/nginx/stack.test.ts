import { expect } from 'chai'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { nginxFiles, nginxStage } from '../../../src/buildpacks/static/nginx-stage.js'
import { siteStage } from '../../../src/buildpacks/static/stage.js'
import { stackImagesOf, withStackImages } from '../../../src/stacks/ensure.js'
import { nginxStack } from '../../../src/stacks/nginx/stack.js'

describe('the nginx stack', () => {
  it('stands for the stage that plans say in full', () => {
    const plan = siteStage({ place: 'dist', stage: 'build' }).join('\n')
    const dockerfile = withStackImages(`FROM node:24-bookworm-slim AS build\n\n${plan}`)
    expect(dockerfile)
      .to.match(/\nFROM localhost\/berth-nginx:[0-9a-f]{12}\nCOPY <<'SITE'/)
      .and.not.to.include('apt-get')
    expect(stackImagesOf(dockerfile).map(({ stack }) => stack === nginxStack)).to.deep.equal([false, true])
  })

  it('is made from what the stage says', async () => {
    await using source = await nginxStack.source('', await nginxStack.parts('', ''))
    for (const [path, text] of Object.entries(nginxFiles)) {
      const file = join(source.directory, 'root', path)
      expect(await readFile(file, 'utf8')).to.equal(text)
      expect(((await stat(file)).mode & 0o111) !== 0, path).to.equal(path.includes('/bin/'))
      expect(nginxStage).to.include(text)
    }
    expect(source.dockerfile).to.include(nginxStage.split('\n')[1])
  })
})
