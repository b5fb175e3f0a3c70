import { expect } from 'chai'
import { patience } from '../../patience.js'
import { evaluating } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('a push of the tree that runs', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  it('builds nothing, restarts nothing and moves the ref; other config vars, or a wish, have it built', async () => {
    const repo = await berth.repository(
      evaluating('process.pid + require("fs").readFileSync("/proc/self/stat", "utf8")'),
    )
    const app = await createApp(berth, repo, 'same')
    const push = async (words: RegExp): Promise<string> => {
      const { code, stderr } = await repo.push()
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(words)
      return stderr
    }
    /** A process has a start time of its own. */
    const started = async () => (await berth.curl(app)).body.split(' ')[21]
    const releases = async () => (await berth.berth(['releases', '-a', app])).stdout
    await push(/Building/)
    const [process, known] = [await started(), await releases()]
    const empty = await repo.commit({})
    const said = await push(/This tree runs already, as v2: nothing is built, and nothing restarted/)
    expect(said).to.include('deployed to Berth').and.not.include('Building')
    expect(await started()).to.equal(process)
    expect(await releases()).to.equal(known)
    expect((await repo.git('ls-remote', 'berth', 'main')).stdout).to.match(new RegExp(`^${empty}\\t`))

    expect((await berth.berth(['config:set', 'A=1', '-a', app])).code).to.equal(0)
    await repo.commit({})
    await push(/Building/)
    await repo.commit({})
    await push(/This tree runs already, as v4/)
    expect((await berth.berth(['ps:rebuild', '-a', app])).code).to.equal(0)
    expect(await releases()).to.include('Rebuild')
    await repo.commit({ 'other.txt': 'x' })
    await push(/Building/)
    await repo.commit({ 'other.txt': null })
    await push(/Building/)
  })
})
