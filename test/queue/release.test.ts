import { expect } from 'chai'
import { nextRelease, outcomeOf, rollbackNotes, type Releasing } from '../../src/queue/release.js'
import { slotsOf } from '../../src/scheduler/desired.js'
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

  it('is scaled before the first push, whatever its process types are called', () => {
    const first = firstRelease('a')
    const change = { worker: { quantity: 2 }, constructor: { quantity: 3 } }
    const scaled = nextRelease(first, 2, { kind: 'scale', formation: change })
    expect(scaled.formation.worker).to.deep.equal({ ...defaultEntry('worker'), quantity: 2 })
    const types = { worker: 'w', constructor: 'c', toString: 't' }
    const next = nextRelease(scaled, 3, push, { built: { image: 'i', processTypes: types } })
    expect(next.formation).to.deep.equal({
      worker: { ...defaultEntry('worker'), quantity: 2 },
      constructor: { ...defaultEntry('constructor'), quantity: 3 },
      toString: defaultEntry('toString'),
    })
    expect(slotsOf(next).map((slot) => slot.process)).to.deep.equal([
      'worker.1',
      'worker.2',
      'constructor.1',
      'constructor.2',
      'constructor.3',
    ])
  })

  it('brings back by a rollback the formation of process types that were gone, and says so', () => {
    const two = nextRelease(deployed, 3, {
      kind: 'scale',
      formation: { worker: { quantity: 2 }, web: { quantity: 2 } },
    })
    const without = nextRelease(two, 4, push, { built: { image: 'j', processTypes: { web: 'x' } } })
    const more = nextRelease(without, 5, { kind: 'scale', formation: { web: { quantity: 4 } } })
    const back = nextRelease(more, 6, { kind: 'rollback', version: 3 }, { old: two })
    expect(back.formation.worker?.quantity).to.equal(2)
    expect(back.formation.web?.quantity).to.equal(4)
    const notes = rollbackNotes(more, two).join('\n')
    expect(notes).to.contain('Brings back worker=2, which was gone')
    expect(notes).to.match(/Does not bring back the scale .*, domains, or data/)
  })

  it('says in the end what runs, and how to run what does not', () => {
    const say = (types: string[], formation: Record<string, number>) =>
      outcomeOf(
        {
          ...deployed,
          processTypes: Object.fromEntries(types.map((type) => [type, 'x'])),
          formation: Object.fromEntries(
            Object.entries(formation).map(([type, quantity]) => [type, { ...defaultEntry(type), quantity }]),
          ),
        },
        'http://a',
      )
    expect(say(['web'], { web: 1 })).to.deep.equal(['http://a deployed to Berth'])
    expect(say(['web', 'worker'], { web: 1, worker: 0 })).to.deep.equal([
      'Runs web=1',
      'worker at 0: scale it with `berth ps:scale worker=1`',
      'http://a deployed to Berth',
    ])
    expect(say(['worker'], { worker: 0 })).to.deep.equal([
      'Nothing runs: scale it with `berth ps:scale worker=1`',
      'No web process: nothing answers at http://a',
    ])
    expect(say(['worker', 'release'], { worker: 2 })).to.deep.equal([
      'Runs worker=2',
      'No web process: nothing answers at http://a',
    ])
    expect(say(['web'], { web: 0 })).to.deep.equal(['Nothing runs: scale it with `berth ps:scale web=1`'])
  })
})
