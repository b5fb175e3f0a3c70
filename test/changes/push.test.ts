import { expect } from 'chai'
import { describeChange, nextRelease } from '../../src/changes/index.js'
import { push as kind } from '../../src/changes/push.js'
import { slotsOf } from '../../src/scheduler/desired.js'
import { defaultEntry, firstRelease } from '../../src/store/releases.js'
import { built, deployed, making, push } from './made.js'

describe('a push', () => {
  it('releases its image and its formation, with the config before it', () => {
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

  it('keeps the secrets that were made for it, but for those that are set', () => {
    const next = nextRelease(deployed, 3, push, { ...built, secrets: { A: 'made', KEY: 'made' } })
    expect(next.config).to.deep.equal({ A: '1', KEY: 'made' })
    expect(next).not.to.have.property('secrets')
  })

  it('has the config vars that its app.json sets, over those that it had', () => {
    const next = nextRelease(deployed, 3, push, { ...built, secrets: { KEY: 'made' }, variables: { A: '2', B: '3' } })
    expect(next.config).to.deep.equal({ A: '2', B: '3', KEY: 'made' })
    expect(next).not.to.have.property('variables')
    const much = { ...built, variables: { B: 'x'.repeat(130_000), C: 'x'.repeat(130_000), D: 'x'.repeat(130_000) } }
    expect(() => nextRelease(deployed, 3, push, much)).to.throw('256 KiB altogether')
  })

  it('whose images were pulled again changes nothing where the same is made of them', () => {
    const pulled = { ...push, tree: 't1', pull: true as const }
    const runs = nextRelease(deployed, 3, pulled, built)
    expect(kind.madeNothing?.(pulled, runs, built)).to.match(/the same image is made, which runs already, as v3/)
    const web = { ...built, images: { web: 'sha256:2' } }
    const several = nextRelease(deployed, 3, pulled, web)
    expect(kind.madeNothing?.(pulled, several, web)).to.be.a('string')
    for (const [change, current, made, why] of [
      [pulled, runs, { ...built, image: 'sha256:2' }, 'another image'],
      [pulled, several, { ...web, images: { web: 'sha256:3' } }, 'another image of a process type'],
      [{ ...pulled, tree: 't2' }, runs, built, 'another tree'],
      [{ ...pulled, forced: true as const }, runs, built, 'asked for by the pusher'],
      [{ ...push, tree: 't1' }, runs, built, 'not pulled again'],
      [pulled, nextRelease(runs, 4, { kind: 'config', set: { A: '2' }, unset: [] }), built, 'other config vars'],
    ] as const)
      expect(kind.madeNothing?.(change, current, made), why).to.equal(false)
  })

  it('of the tree that runs, built with the config vars of now, changes nothing', () => {
    const [one, other] = [
      { ...push, tree: 't1' },
      { ...push, commit: 'fedcba9876', tree: 't2' },
    ]
    const runs = nextRelease(deployed, 3, one, built)
    expect(kind.changesNothing?.({ ...one, commit: '2222222' }, runs)).to.match(
      /This tree runs already, as v3: nothing is/,
    )
    const set = nextRelease(runs, 4, { kind: 'config', set: { VITE_A: '1' }, unset: [] })
    for (const [change, current, why] of [
      [other, runs, 'another tree'],
      [push, runs, 'a tree of which nothing is known'],
      [{ ...push, rebuild: true as const }, runs, 'asked for'],
      [{ ...one, forced: true as const }, runs, 'asked for by the pusher'],
      [{ ...one, noCache: true as const }, runs, 'without its cache'],
      [{ ...one, pull: true as const }, runs, 'with its images pulled again'],
      [{ ...one, env: { A: '1' } }, runs, 'with config vars of its own'],
      [
        one,
        nextRelease(runs, 4, { ...one, env: { A: '1' } }, built),
        'built with config vars that are not there any more',
      ],
      [one, deployed, 'a release of which nothing is known'],
      [one, set, 'built with other config vars'],
      [one, nextRelease(runs, 4, other, built), 'the tree before'],
    ] as const)
      expect(kind.changesNothing?.(change, current), why).to.equal(false)
    const unset = nextRelease(set, 5, { kind: 'config', set: {}, unset: ['VITE_A'] })
    expect(kind.changesNothing?.(one, unset), 'as they were').to.be.a('string')
    const scaled = nextRelease(runs, 4, { kind: 'scale', formation: { worker: { quantity: 1 } } })
    expect(kind.changesNothing?.(one, scaled)).to.be.a('string')
    const forced = nextRelease(runs, 4, { ...one, forced: true }, built)
    expect(kind.changesNothing?.(one, forced)).to.be.a('string')
    expect(nextRelease(runs, 4, { ...one, env: { B: '1' } }, built).config).to.deep.equal({ A: '1' })
    const rebuilt = nextRelease(runs, 4, { ...push, rebuild: true }, built)
    expect(kind.changesNothing?.(one, rebuilt)).to.be.a('string')
    const made = nextRelease(deployed, 3, one, { ...built, secrets: { KEY: 'made' }, variables: { A: '2' } })
    expect(kind.changesNothing?.(one, made), 'with what its build has set').to.be.a('string')
    const back = nextRelease(nextRelease(runs, 4, other, built), 5, { kind: 'rollback', version: 3 }, runs)
    expect(kind.changesNothing?.(one, back), 'gone back to').to.be.a('string')
  })

  it('of the tree that runs is the same whatever processes alone have', () => {
    const one = { ...push, tree: 't1' }
    const runs = nextRelease(deployed, 3, one, built)
    const set = (reach: 'build' | 'run') => nextRelease(runs, 4, { kind: 'config', set: { B: '1' }, unset: [], reach })
    expect(kind.changesNothing?.(one, set('run'))).to.be.a('string')
    expect(kind.changesNothing?.(one, set('build'))).to.equal(false)
  })

  it('of what is not watched changes nothing, as long as that is so of what runs', () => {
    const config = { A: '1', BERTH_WATCH_PATHS: 'web' }
    const runs = nextRelease({ ...deployed, config }, 3, { ...push, tree: 't1' }, built)
    const unwatched = { since: push.commit, watch: 'web', paths: 'docs/a and 9 more' }
    const next = { ...push, commit: 'fedcba9876', tree: 't2', unwatched }
    expect(kind.changesNothing?.(next, runs)).to.match(
      /^Nothing of watch-paths has changed \(docs\/a and 9 more\) since 1234567/,
    )
    for (const [change, current, why] of [
      [{ ...next, forced: true as const }, runs, 'asked for'],
      [next, { ...runs, commit: 'x' }, 'another runs'],
      [next, { ...runs, config: { ...config, BERTH_WATCH_PATHS: 'api' } }, 'another setting'],
      [next, { ...runs, config: { ...config, B: '2' } }, 'other config vars'],
      [next, deployed, 'a release of which nothing is known'],
    ] as const)
      expect(kind.changesNothing?.(change, current), why).to.equal(false)
    const set = { kind: 'config', set: { BERTH_WATCH_PATHS: 'api' }, unset: [] } as const
    expect(kind.changesNothing?.({ ...push, tree: 't1' }, nextRelease(runs, 4, set)), 'no build has it').to.be.a(
      'string',
    )
  })

  it('keeps what its app.json says, as long as it says it', () => {
    const said = { declared: { web: 2 }, scripts: { after: 'x' }, settings: { web: { user: 'x' } } }
    const next = nextRelease(deployed, 3, push, { ...built, ...said })
    expect(next).to.deep.include(said)
    expect(nextRelease(next, 4, push, built)).to.deep.include({
      declared: undefined,
      scripts: undefined,
      settings: undefined,
    })
  })

  it('keeps the formation of process types that stay', () => {
    const three = nextRelease(deployed, 3, { kind: 'scale', formation: { worker: { quantity: 3 } } })
    const next = nextRelease(three, 4, push, { image: 'i', processTypes: { worker: 'w', clock: 'c' } })
    expect(next.formation).to.deep.equal({
      worker: { ...defaultEntry('worker'), quantity: 3 },
      clock: defaultEntry('clock'),
    })
  })

  it('takes the formation that was set before the first, whatever its process types are called', () => {
    const first = firstRelease('a')
    const change = { worker: { quantity: 2 }, constructor: { quantity: 3 } }
    const scaled = nextRelease(first, 2, { kind: 'scale', formation: change })
    expect(scaled.formation.worker).to.deep.equal({ ...defaultEntry('worker'), quantity: 2 })
    const types = { worker: 'w', constructor: 'c', toString: 't' }
    const next = nextRelease(scaled, 3, push, { image: 'i', processTypes: types })
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

  it('is built, with what makes it stale, and has its release command run', async () => {
    const asked: unknown[] = []
    const { at } = making({
      build: (given) => {
        asked.push(given)
        return Promise.resolve(built)
      },
    })
    const change = { ...push, unless: ['x'] }
    expect(await kind.make?.(change, at)).to.equal(built)
    expect(asked).to.deep.equal([change])
    expect(kind.runsReleaseCommand).to.equal(true)
  })

  it('that was pushed before says that it is built again', () =>
    expect(describeChange({ ...push, rebuild: true })).to.equal('Rebuild 1234567'))
})
