import { expect } from 'chai'
import { isExclusive, mountsOf, placesOfVolumes } from '../../src/store/mounts.js'
import { firstRelease } from '../../src/store/releases.js'

const release = {
  ...firstRelease('a'),
  processTypes: { clock: null, web: null, release: null },
  mounts: [
    { name: 'all', target: '/all' },
    { name: 'webs', target: '/web', types: ['web'], exclusive: true as const },
    { name: 'clocks', target: '/clock', types: ['clock'] },
  ],
}
const names = (type: string, of = release) => mountsOf(of, type).map(({ name }) => name)

describe('the mounts of a release', () => {
  it('are those of a process type', () => {
    expect(names('web')).to.deep.equal(['all', 'webs'])
    expect(names('clock')).to.deep.equal(['all', 'clocks'])
    expect(names('other')).to.deep.equal(['all'])
    expect(isExclusive(release, 'web')).to.equal(true)
    expect(isExclusive(release, 'clock')).to.equal(false)
    expect(mountsOf(firstRelease('a'), 'web')).to.deep.equal([])
  })

  it('of what runs once are those of web, or of the first type', () => {
    expect(names('run')).to.deep.equal(['all', 'webs'])
    expect(names('release')).to.deep.equal(['all', 'webs'])
    expect(names('run', { ...release, processTypes: { clock: null, release: null } as never })).to.deep.equal([
      'all',
      'clocks',
    ])
  })

  it('tell where each volume is, with those of a compose file but where a command says otherwise', () => {
    const settings = {
      web: { volumes: [{ name: 'notes', target: '/notes' }, { name: 'gone', target: '/all' }, { target: '/tmp/x' }] },
      clock: { volumes: [{ name: 'notes', target: '/notes' }] },
    }
    expect(placesOfVolumes({ ...release, settings })).to.deep.equal([
      { name: 'all', target: '/all', exclusive: false, types: ['clock', 'web'], from: 'app' },
      { name: 'webs', target: '/web', exclusive: true, types: ['web'], from: 'app' },
      { name: 'clocks', target: '/clock', exclusive: false, types: ['clock'], from: 'app' },
      { name: 'notes', target: '/notes', exclusive: false, types: ['clock', 'web'], from: 'compose file' },
    ])
  })
})
