import { expect } from 'chai'
import { nextRelease } from '../../src/changes/index.js'
import { scale } from '../../src/changes/scale.js'
import { defaultEntry, firstRelease, type Release } from '../../src/store/releases.js'
import { deployed } from './made.js'

describe('a scale', () => {
  it('changes what is named only, and says which', () => {
    const next = nextRelease(deployed, 3, { kind: 'scale', formation: { web: { quantity: 3 } } })
    expect(next.formation.web).to.deep.equal({ ...defaultEntry('web'), quantity: 3 })
    expect(next.formation.worker).to.deep.equal(defaultEntry('worker'))
    expect(next.description).to.equal('Scale web')
  })

  it('knows only process types that are there', () => {
    const to = (current: Release, type: string) => () =>
      nextRelease(current, 3, { kind: 'scale', formation: { [type]: { quantity: 1 } } })
    expect(to(deployed, 'cron')).to.throw('there is no process type "cron"')
    expect(to(deployed, 'release')).to.throw('there is no process type "release"')
  })

  it('changes nothing when it names what is, the defaults too', () => {
    const nothing = (current: Release, type: string, quantity: number) =>
      scale.changesNothing?.({ kind: 'scale', formation: { [type]: { quantity } } }, current)
    expect(nothing(deployed, 'web', 1)).to.equal(true)
    expect(nothing({ ...deployed, formation: {} }, 'web', 1)).to.equal(true)
    expect(nothing(deployed, 'web', 2)).to.equal(false)
    expect(nothing(firstRelease('a'), 'web', 1)).to.equal(false)
  })
})
