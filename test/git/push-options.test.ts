import { expect } from 'chai'
import { readPushOptions } from '../../src/git/push-options.js'
import { gitRig, type GitRig } from './rig.js'

describe('push options', () => {
  it('are what a pusher asks for', () => {
    expect(readPushOptions([])).to.deep.equal({})
    expect(
      readPushOptions(['no-cache', 'pull', 'rebuild', 'branch=a', 'env=A=1', 'env=B=x=y z', 'branch=feature/x']),
    ).to.deep.equal({ noCache: true, pull: true, rebuild: true, branch: 'feature/x', env: { A: '1', B: 'x=y z' } })
    expect(readPushOptions(['env=A=1', 'env=A=']).env).to.deep.equal({ A: '' })
    for (const word of ['canary=10%', 'canary=10']) expect(readPushOptions([word])).to.deep.equal({ canary: 10 })
  })

  for (const [word, said] of [
    ['ci.skip', '"ci.skip" is no push option of Berth'],
    ['nocache', 'no-cache is meant?'],
    ['no_cache', 'no-cache is meant?'],
    ['ReBuild', 'rebuild is meant?'],
    ['variable=A=1', 'env is meant?'],
    ['', '"" is no push option'],
    ['\u001b[31mred', 'has a control character in it'],
    ['no-cache=1', 'no-cache takes no value'],
    ['pull=always', 'pull takes no value'],
    ['env', 'env needs a value'],
    ['env=hunter2', 'env is not env=NAME=value'],
    ['env=BERTH_X=hunter2', 'BERTH_X is set by Berth itself'],
    ['env=__proto__=hunter2', 'nothing can have the name __proto__'],
    ['env=9=hunter2', 'not the name of a config var'],
    ['env=A=x\u0007hunter2', 'has a control character in it'],
    [`env=A=hunter2${'x'.repeat(4096)}`, 'longer than 4096 characters'],
    ['branch=a b', 'names no branch'],
    ['branch=', 'names no branch'],
    ...['', '0%', '100', '101%', 'ten', '1.5', '-1', '%'].map((one): [string, string] => [
      `canary=${one}`,
      'from 1% to 99%',
    ]),
    ['canary', 'needs a value'],
  ] as const)
    it(`are told of ${JSON.stringify(word.slice(0, 20))}, and not of a value`, () => {
      expect(() => readPushOptions([word]))
        .to.throw(said)
        .with.property('message')
        .that.does.not.match(/hunter2|\p{Cc}/u)
    })

  it('are fifty at most', () =>
    expect(() => readPushOptions(Array<string>(51).fill('rebuild'))).to.throw('51 push options'))

  describe('of a push', function () {
    this.timeout(30_000)
    let rig: GitRig
    before(async () => {
      rig = await gitRig()
    })
    after(() => rig[Symbol.asyncDispose]())

    it('reach its operation; an unknown one is refused before anything is done', async () => {
      const app = await rig.app('options')
      const copy = await rig.clone('options')
      const unknown = await copy.git('push', '-o', 'ci.skip', 'berth', 'main')
      expect(unknown.code).to.equal(1)
      expect(unknown.stderr)
        .to.include('"ci.skip" is no push option of Berth')
        .and.include('there are no-cache, pull, rebuild, env=NAME=value, branch=NAME, canary=10%')
      expect(await rig.store.operations.list(app.id)).to.deep.equal([])
      let change: unknown
      rig.fate = (operation) => {
        change = operation.change
        return null
      }
      const pushed = await copy.git('push', '-o', 'rebuild', '-o', 'no-cache', '-o', 'env=A=b "c" $d', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
      expect(change).to.deep.include({ forced: true, noCache: true, env: { A: 'b "c" $d' }, branch: 'main' })
      const [kept] = await rig.store.operations.list(app.id)
      expect(kept?.change).to.deep.include({ env: { A: '' } })
    })

    it('have another branch deployed as that of the app, again and again', async () => {
      const app = await rig.app('branches')
      const copy = await rig.clone('branches')
      expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
      await copy.git('checkout', '-q', '-b', 'feature')
      for (const text of ['1', '2']) {
        const commit = await copy.commit({ text })
        const { code, stderr } = await copy.git('push', '-o', 'branch=feature', 'berth', 'feature')
        expect(code, stderr).to.equal(0)
        expect(stderr).to.match(/feature -> main/)
        expect([await rig.tip(app), await rig.tip(app, 'refs/heads/feature')]).to.deep.equal([commit, null])
      }
      expect((await rig.store.operations.list(app.id))[0]?.change).to.include({ branch: 'feature' })
      const none = await copy.git('push', '-o', 'branch=other', 'berth', 'feature')
      expect(none.code).to.equal(1)
      expect(none.stderr).to.include('the push option branch names other, which is not pushed')
      expect(await rig.fsck(app)).to.equal('')
    })
  })
})
