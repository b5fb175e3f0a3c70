import { expect } from 'chai'
import { nextRelease } from '../../src/changes/index.js'
import { restart } from '../../src/changes/restart.js'
import { firstRelease } from '../../src/store/releases.js'
import { acting, deployed } from './made.js'

describe('a restart', () => {
  it('restarts all, or what is named', async () => {
    const { at, did } = acting()
    await restart.act({ kind: 'restart', process: 'web.1' }, at)
    expect(did).to.deep.equal(['> Restarting web.1', 'restart web.1', 'Restarted; no new release'])
    did.length = 0
    await restart.act({ kind: 'restart', process: null }, at)
    expect(did.slice(0, 2)).to.deep.equal(['> Restarting all processes', 'restart all'])
  })

  it('says of which', () => {
    expect(restart.describe({ kind: 'restart', process: 'web' })).to.equal('Restart web')
    expect(restart.describe({ kind: 'restart', process: null })).to.equal('Restart all processes')
  })

  it('is of what the release runs, by the name it has, and of nothing else', () => {
    const check =
      (process: string | null, current = deployed) =>
      () =>
        restart.check?.({ kind: 'restart', process }, at.app, current)
    const { at } = acting()
    const three = nextRelease(deployed, 3, { kind: 'scale', formation: { web: { quantity: 3 } } })
    for (const process of [null, 'web', 'web.1', 'web.3']) expect(check(process, three), String(process)).to.not.throw()
    const none = [
      'web.0',
      'web.4',
      'web.01',
      'web.',
      'web.1.1',
      'web.1e0',
      'web.+1',
      '.1',
      '',
      'worker',
      'release',
      'Web',
    ]
    for (const process of [...none, 'constructor', '__proto__.1', 'web.99999999999999999999'])
      expect(check(process, three), process).to.throw(`blog has no process ${process}`)
    expect(check('web', firstRelease('a')), 'before the first push').to.throw('blog has no process web')
    expect(check(null, firstRelease('a'))).to.not.throw()
  })
})
