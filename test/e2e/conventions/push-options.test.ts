import { expect } from 'chai'
import { patience } from '../../patience.js'
import { createApp, instance, type Instance } from '../instance.js'

const app = (text: string): Record<string, string> => ({
  'package.json': JSON.stringify({ scripts: { build: 'node build.js', start: 'node server.js' } }),
  'build.js': `require('fs').writeFileSync('seen', [process.env.SOURCE_VERSION, process.env.LEVEL, '${text}'].join(' '))\n`,
  'server.js': `const seen = require('fs').readFileSync('seen', 'utf8')
const { SOURCE_VERSION, BERTH_COMMIT, BERTH_RELEASE, DYNO, LEVEL } = process.env
const said = { seen, SOURCE_VERSION, BERTH_COMMIT, BERTH_RELEASE, DYNO, LEVEL }
require('http').createServer((q, s) => s.end(JSON.stringify(said))).listen(process.env.PORT)\n`,
})

describe('push options', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  it('force a build, make its steps anew, lend it config vars and name a branch; it knows its commit', async () => {
    const repo = await berth.repository(app('one'))
    const name = await createApp(berth, repo, 'options')
    const push = async (...words: string[]): Promise<string> => {
      const { code, stderr } = await repo.push(...words)
      expect(code, stderr).to.equal(0)
      return stderr
    }
    const answer = async () => JSON.parse((await berth.curl(name)).body) as Record<string, string>
    await push()
    const first = (await repo.git('rev-parse', 'HEAD')).stdout.trim()
    expect(await answer()).to.deep.equal({
      ...{ seen: `${first}  one`, SOURCE_VERSION: first, BERTH_COMMIT: first, BERTH_RELEASE: 'v2', DYNO: 'web.1' },
    })
    await repo.commit({})
    const again = await push('-o', 'rebuild', 'main')
    expect(again).to.include('Building').and.include('Released v3')
    expect((await answer()).seen, 'nothing was repeated for another commit').to.equal(`${first}  one`)

    const third = await repo.commit({})
    const level = 'the-level-of-this-build'
    expect(await push('-o', 'no-cache', '-o', `env=LEVEL=${level}`, 'main')).to.not.include(level)
    expect(await answer())
      .to.include({ seen: `${third} ${level} one`, SOURCE_VERSION: third })
      .and.not.have.property('LEVEL')
    expect((await berth.berth(['config', '-a', name])).stdout).to.not.include('LEVEL')

    await repo.git('checkout', '-q', '-b', 'next')
    const fourth = await repo.commit(app('two'))
    expect(await push('-o', 'branch=next', 'next')).to.match(/next -> main/)
    expect((await answer()).seen).to.equal(`${fourth}  two`)
    expect((await berth.berth(['builds', '-a', name])).stdout).to.match(/ next /)
    const unknown = await repo.push('-o', 'skip', 'next')
    expect(unknown.code).to.equal(1)
    expect(unknown.stderr).to.include('"skip" is no push option of Berth')
  })
})
