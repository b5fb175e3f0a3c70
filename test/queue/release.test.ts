import { expect } from 'chai'
import { nextRelease, type Releasing } from '../../src/queue/release.js'
import { defaultEntry, firstRelease, type Release } from '../../src/store/releases.js'

const built = { image: 'sha256:1', processTypes: { web: 'node .', worker: 'node w', release: 'node m' } }
const push: Releasing = { kind: 'push', commit: '1234567890', branch: 'main' }
const deployed: Release = nextRelease({ ...firstRelease('a'), config: { A: '1' } }, 2, push, { built })

describe('the next release', () => {
  it('of a push has its image, its formation, and the config before it', () => {
    expect(deployed).to.include({
      version: 2,
      image: 'sha256:1',
      commit: '1234567890',
      description: 'Deploy 1234567',
      status: 'pending',
    })
    expect(deployed.config).to.deep.equal({ A: '1' })
    expect(deployed.formation).to.deep.equal({ web: defaultEntry('web'), worker: defaultEntry('worker') })
  })

  it('keeps the formation of process types that stay', () => {
    const three = nextRelease(deployed, 3, { kind: 'scale', formation: { worker: { quantity: 3 } } })
    const next = nextRelease(three, 4, push, { built: { image: 'i', processTypes: { worker: 'w', clock: 'c' } } })
    expect(next.formation).to.deep.equal({
      worker: { ...defaultEntry('worker'), quantity: 3 },
      clock: defaultEntry('clock'),
    })
  })

  it('of config sets and unsets, and says what, never to what', () => {
    const next = nextRelease(deployed, 3, { kind: 'config', set: { KEY: 'top secret' }, unset: ['A'] })
    expect(next.config).to.deep.equal({ KEY: 'top secret' })
    expect(next.description).to.equal('Set KEY; Unset A config vars')
    expect(next.image).to.equal('sha256:1')
  })

  it('of a scale changes what is named only', () => {
    const { formation } = nextRelease(deployed, 3, { kind: 'scale', formation: { web: { quantity: 3 } } })
    expect(formation.web).to.deep.equal({ ...defaultEntry('web'), quantity: 3 })
    expect(formation.worker).to.deep.equal(defaultEntry('worker'))
  })

  it('of a scale knows only process types that are there', () => {
    const scale = (current: Release, type: string) => () =>
      nextRelease(current, 3, { kind: 'scale', formation: { [type]: { quantity: 1 } } })
    expect(scale(deployed, 'cron')).to.throw('there is no process type "cron"')
    expect(scale(deployed, 'release')).to.throw('there is no process type "release"')
    expect(scale(firstRelease('a'), 'web')).to.throw('nothing is deployed yet')
  })

  it('of a rollback has the old image and config under a new number', () => {
    const later = nextRelease(deployed, 3, { kind: 'config', set: { A: '2' }, unset: [] })
    const back = nextRelease(later, 4, { kind: 'rollback', version: 2 }, { old: deployed })
    expect(back).to.include({ version: 4, description: 'Rollback to v2', image: 'sha256:1', status: 'pending' })
    expect(back.config).to.deep.equal({ A: '1' })
  })

  it('of a rollback needs an image', () =>
    expect(() => nextRelease(deployed, 3, { kind: 'rollback', version: 1 }, { old: firstRelease('a') })).to.throw(
      'v1 has no image',
    ))
})
