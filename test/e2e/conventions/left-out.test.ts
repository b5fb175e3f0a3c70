import { expect } from 'chai'
import { patience } from '../../patience.js'
import { evaluating } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('.slugignore and export-ignore', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  it('leave files out of a build, and a rebuild; they are back when they are wanted', async () => {
    const repo = await berth.repository({
      ...evaluating('require("fs").readdirSync(".").sort().filter((name) => /^[dmp]/.test(name))'),
      ...{ 'docs/a.md': 'a', 'movie.bin': 'x', 'data/x': 'x' },
      ...{ '.slugignore': '/docs\n', '.gitattributes': 'movie.bin export-ignore\n' },
    })
    const app = await createApp(berth, repo, 'leftout')
    const push = async (words: RegExp): Promise<string> => {
      const { code, stderr } = await repo.push()
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(words)
      return (await berth.curl(app)).body
    }
    expect(await push(/Leaves out 2 files/)).to.equal('data,package.json')
    expect((await berth.berth(['ps:rebuild', '-a', app])).code).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('data,package.json')
    await repo.commit({ '.slugignore': '/data\n', '.gitattributes': null })
    expect(await push(/Leaves out 1 file/)).to.equal('docs,movie.bin,package.json')
    await repo.commit({ '.slugignore': '!docs\n' })
    const refused = await repo.push()
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.include('.slugignore:1:1: a line that begins with !')
  })
})
