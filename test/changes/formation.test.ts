import { expect } from 'chai'
import { formationDeclared, formationFor, formationOf, sizesDeclared } from '../../src/changes/formation.js'
import { defaultEntry, firstRelease, type Release } from '../../src/store/releases.js'
import { deployed } from './made.js'

describe('a formation', () => {
  const two = { quantity: 2, memory: 2 ** 28, cpus: 0.5 }

  it('has an entry for each process type that runs, and for no other', () => {
    const types = { web: 'w', clock: null, release: 'r' }
    expect(formationFor(types, { web: two, gone: two, release: two })).to.deep.equal({
      ...{ web: two, clock: defaultEntry('clock') },
    })
    expect(formationFor({}, { web: two })).to.deep.equal({})
  })

  it('is not mistaken about types called like what every object has', () => {
    const types = { constructor: 'c', toString: 't', valueOf: null }
    expect(formationFor(types, { toString: two })).to.deep.equal({
      ...{ constructor: defaultEntry('constructor'), toString: two, valueOf: defaultEntry('valueOf') },
    })
  })

  it('is of the process types of a release; before the first push, of those that were spoken of', () => {
    expect(Object.keys(formationOf(deployed))).to.deep.equal(['web', 'worker'])
    const early = { ...firstRelease('a'), formation: { worker: two } }
    expect(formationOf(early)).to.deep.equal({ worker: two })
    expect(formationOf({ ...early, image: 'sha256:1', processTypes: { web: null } })).to.deep.equal({
      ...{ web: defaultEntry('web') },
    })
  })

  describe('that the app itself declares', () => {
    const quantities = (current: Release, declared: Record<string, number>, types = { web: 'w', worker: null }) =>
      Object.values(formationDeclared(formationFor(types, current.formation), current, declared)).map(
        ({ quantity }) => quantity,
      )
    const scaled = (quantity: number, more: Partial<Release> = {}): Release => ({
      ...deployed,
      formation: { web: defaultEntry('web'), worker: { ...two, quantity } },
      ...more,
    })

    it('counts at the first push, but for what was scaled before it', () => {
      const first = firstRelease('a')
      expect(quantities(first, { web: 3, worker: 2 })).to.deep.equal([3, 2])
      const early = { ...first, formation: { worker: { ...two, quantity: 5 } } }
      expect(quantities(early, { web: 0, worker: 2 })).to.deep.equal([0, 5])
    })

    it('counts later too, as long as nobody has scaled the process type', () => {
      expect(quantities(scaled(0), { worker: 2 }), 'as by default').to.deep.equal([1, 2])
      expect(quantities(scaled(2, { declared: { worker: 2 } }), { worker: 4 }), 'as declared').to.deep.equal([1, 4])
      expect(quantities(scaled(3, { declared: { worker: 2 } }), { worker: 4 }), 'scaled').to.deep.equal([1, 3])
      expect(quantities(scaled(3), { worker: 4 }), 'scaled').to.deep.equal([1, 3])
      expect(quantities(scaled(2, { declared: { worker: 2 } }), {}), 'no more declared').to.deep.equal([1, 2])
    })

    it('counts for a process type that is new, and keeps sizes', () => {
      expect(quantities(scaled(0), { clock: 2 }, { clock: 'c' } as never)).to.deep.equal([2])
      const { worker } = formationDeclared(scaled(0).formation, scaled(0), { worker: 4 })
      expect(worker).to.deep.equal({ ...two, quantity: 4 })
    })

    it('has the sizes that it says, as long as nobody has scaled the process type', () => {
      const sizes = (current: Release, memory?: number) => {
        const settings = memory === undefined ? undefined : { worker: { memory } }
        return sizesDeclared(formationFor({ worker: null }, current.formation), current, settings).worker
      }
      const usual = defaultEntry('worker')
      const worker = (entry: object): Release => ({ ...deployed, formation: { worker: { ...usual, ...entry } } })
      expect(sizes(firstRelease('a'), 2 ** 27)).to.deep.equal({ ...usual, memory: 2 ** 27 })
      expect(sizes(worker({}), 2 ** 27)).to.include({ memory: 2 ** 27, cpus: 1 })
      const declared = { ...worker({ memory: 2 ** 27 }), settings: { worker: { memory: 2 ** 27 } } }
      expect(sizes(declared, 2 ** 26)).to.include({ memory: 2 ** 26 })
      expect(sizes(declared)).to.deep.equal(usual)
      expect(sizes(worker({ memory: 1 }), 2 ** 26)).to.include({ memory: 1 })
      expect(sizes({ ...worker({ cpus: 2 }), image: null }, 2 ** 26)).to.include({ cpus: 2, memory: usual.memory })
      expect(sizes(worker({}))).to.deep.equal(usual)
    })
  })
})
