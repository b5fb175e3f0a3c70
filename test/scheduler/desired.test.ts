import { expect } from 'chai'
import { awayOf, environmentOf, imageOf, portOf, slotsOf, specHash } from '../../src/scheduler/desired.js'
import { firstRelease, type Release } from '../../src/store/releases.js'

const app = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 }
const release = (patch: Partial<Release> = {}): Release => ({
  ...firstRelease('a'),
  version: 3,
  createdAt: '2026-11-30T00:00:00Z',
  image: 'sha256:1',
  commit: 'c',
  processTypes: { web: 'node .', clock: 'node clock', release: 'migrate', run: 'sh' },
  ...patch,
})

const web1 = { process: 'web.1', type: 'web' }

describe('what a release desires', () => {
  it('is one web process unless the formation says otherwise', () => {
    expect(slotsOf(release()).map((slot) => slot.process)).to.deep.equal(['web.1'])
    const formation = { web: { quantity: 2, memory: 1, cpus: 1 }, clock: { quantity: 1, memory: 1, cpus: 1 } }
    expect(slotsOf(release({ formation })).map((slot) => slot.process)).to.deep.equal(['web.1', 'web.2', 'clock.1'])
  })

  it('is nothing before the first push, and never a release command or a one-off', () => {
    expect(slotsOf(null)).to.deep.equal([])
    expect(slotsOf(release({ image: null }))).to.deep.equal([])
    const formation = { release: { quantity: 1, memory: 1, cpus: 1 }, run: { quantity: 1, memory: 1, cpus: 1 } }
    expect(slotsOf(release({ formation })).map((slot) => slot.process)).to.deep.equal(['web.1'])
  })

  it('says why no request can be sent to it', () => {
    const web = { quantity: 0, memory: 1, cpus: 1 }
    expect(awayOf(null)).to.equal('not-pushed')
    expect(awayOf(release({ image: null }))).to.equal('not-pushed')
    expect(awayOf(release({ processTypes: { clock: 'node clock' } }))).to.equal('no-web')
    expect(awayOf(release({ formation: { web } }))).to.equal('scaled-to-zero')
    expect(awayOf(release())).to.equal(undefined)
  })

  it('has the same spec through a scale, a domain or a push of the same, and another through all else', () => {
    const spec = specHash(release(), 'web')
    const web = { quantity: 5, memory: 512 * 1024 * 1024, cpus: 1 }
    expect(specHash(release({ version: 9, commit: 'd', formation: { web } }), 'web')).to.equal(spec)
    for (const patch of [
      { image: 'sha256:2' },
      { config: { A: '1' } },
      { processTypes: { web: 'node ./' } },
      { formation: { web: { ...web, memory: 1 } } },
      { formation: { web: { ...web, cpus: 2 } } },
    ])
      expect(specHash(release(patch), 'web'), JSON.stringify(patch)).not.to.equal(spec)
    expect(specHash(release({ config: { A: '1', B: '2' } }), 'web')).to.equal(
      specHash(release({ config: { B: '2', A: '1' } }), 'web'),
    )
  })

  it('has another image for the process types that have one, and for no other', () => {
    const apart = release({ images: { clock: 'sha256:9' } })
    expect([imageOf(apart, 'clock'), imageOf(apart, 'web')]).to.deep.equal(['sha256:9', 'sha256:1'])
    expect(specHash(apart, 'clock')).not.to.equal(specHash(release(), 'clock'))
    expect(specHash(apart, 'web')).to.equal(specHash(release(), 'web'))
    expect(imageOf(release({ image: null }), 'constructor')).to.equal('')
  })

  it('is no other for what says how it is built', () =>
    expect(specHash(release({ config: { BERTH_APP_DIR: 'apps/web' } }), 'web')).to.equal(specHash(release(), 'web')))

  it('is no other for a config var of builds alone, which no process has', () => {
    const config = { PORT: '8080', TOKEN: 'x' }
    const ofBuilds = release({ config, reach: { PORT: 'build', TOKEN: 'build' } })
    expect(specHash(ofBuilds, 'web')).to.equal(specHash(release(), 'web'))
    expect(portOf(ofBuilds)).to.equal(5000)
    expect(environmentOf(app, ofBuilds, web1).join()).to.not.match(/TOKEN|8080/)
    const ofProcesses = release({ config, reach: { TOKEN: 'run' } })
    expect(specHash(ofProcesses, 'web')).to.equal(specHash(release({ config }), 'web'))
    expect(environmentOf(app, ofProcesses, web1)).to.include('TOKEN=x')
  })

  it('tells a process its port and place; config vars win', () => {
    expect(environmentOf(app, release({ config: { A: 'x=y\n"' } }), web1)).to.deep.equal([
      'PORT=5000',
      'BERTH_APP=blog',
      'BERTH_PROCESS=web.1',
      'DYNO=web.1',
      'BERTH_RELEASE=v3',
      'BERTH_RELEASE_CREATED_AT=2026-11-30T00:00:00Z',
      'BERTH_COMMIT=c',
      'SOURCE_VERSION=c',
      'A=x=y\n"',
    ])
    expect(environmentOf(app, release({ config: { PORT: '8080' } }), web1)[0]).to.equal('PORT=8080')
    expect(environmentOf(app, release({ config: { BERTH_APP_DIR: 'x' }, port: 80 }), web1)).to.deep.equal([
      'PORT=80',
      'BERTH_APP=blog',
      'BERTH_PROCESS=web.1',
      'DYNO=web.1',
      'BERTH_RELEASE=v3',
      'BERTH_RELEASE_CREATED_AT=2026-11-30T00:00:00Z',
      'BERTH_COMMIT=c',
      'SOURCE_VERSION=c',
    ])
    expect(environmentOf(app, release({ commit: null }), web1).join()).to.not.include('SOURCE_VERSION')
    expect(environmentOf(app, release({ config: { SOURCE_VERSION: 'mine' } }), web1)).to.include('SOURCE_VERSION=mine')
    expect(portOf(release({ port: 80, config: { PORT: '8080' } }))).to.equal(8080)
    expect(
      [undefined, '8080', 'x', '0', '70000'].map((PORT) => portOf(release(PORT ? { config: { PORT } } : {}))),
    ).to.deep.equal([5000, 8080, 5000, 5000, 5000])
  })
})
