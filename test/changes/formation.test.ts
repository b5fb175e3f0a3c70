import { expect } from 'chai'
import { formationFor, formationOf } from '../../src/changes/formation.js'
import { defaultEntry, firstRelease } from '../../src/store/releases.js'
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
})
