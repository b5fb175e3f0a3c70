import { expect } from 'chai'
import { config, configAfter, mostConfigBytes } from '../../src/changes/config.js'
import { nextRelease } from '../../src/changes/index.js'
import { deployed } from './made.js'

describe('a change of config vars', () => {
  it('sets and unsets, and says what, never to what', () => {
    const next = nextRelease(deployed, 3, { kind: 'config', set: { KEY: 'top secret' }, unset: ['A'] })
    expect(next.config).to.deep.equal({ KEY: 'top secret' })
    expect(next.description).to.equal('Set KEY; Unset A config vars')
    expect(next.image).to.equal('sha256:1')
  })

  it('of a release names only what changes it, and before it all that was given', () => {
    const change = { kind: 'config', set: { A: '1', B: '2' }, unset: ['NONE'] } as const
    expect(config.describe(change, deployed)).to.equal('Set B config vars')
    expect(config.describe(change)).to.equal('Set A, B; Unset NONE config vars')
  })

  it('changes nothing when all is so already', () => {
    const nothing = (set: Record<string, string>, unset: string[]) =>
      config.changesNothing?.({ kind: 'config', set, unset }, deployed)
    expect(nothing({ A: '1' }, ['B'])).to.equal(true)
    expect(nothing({ A: '2' }, [])).to.equal(false)
    expect(nothing({}, ['A'])).to.equal(false)
  })

  it('says who has them: one that is set again keeps who has it', () => {
    const set = (vars: Record<string, string>, reach?: 'build' | 'run' | 'both') =>
      ({ kind: 'config', set: vars, unset: [], ...(reach && { reach }) }) as const
    const first = nextRelease(deployed, 3, set({ TOKEN: 't', C: '3' }, 'build'))
    expect(first).to.deep.include({ reach: { TOKEN: 'build', C: 'build' }, config: { A: '1', TOKEN: 't', C: '3' } })
    expect(first.description).to.equal('Set TOKEN, C config vars of builds')
    const again = nextRelease(first, 4, set({ TOKEN: 'u', A: '2' }))
    expect(again.reach).to.deep.equal({ TOKEN: 'build', C: 'build' })
    expect(nextRelease(again, 5, set({ TOKEN: 'u' }, 'both')).reach).to.deep.equal({ C: 'build' })
    expect(nextRelease(again, 5, set({ A: '2' }, 'run')).reach).to.deep.equal({ TOKEN: 'build', C: 'build', A: 'run' })
    expect(nextRelease(again, 5, { kind: 'config', set: {}, unset: ['TOKEN', 'C'] }).reach).to.deep.equal({})
    expect(config.changesNothing?.(set({ TOKEN: 'u' }), again)).to.equal(true)
    expect(config.changesNothing?.(set({ TOKEN: 'u' }, 'build'), again)).to.equal(true)
    expect(config.changesNothing?.(set({ TOKEN: 'u' }, 'run'), again)).to.equal(false)
    expect(config.describe(set({ TOKEN: 'u', A: '2' }, 'run'), again)).to.equal('Set TOKEN, A config vars of processes')
  })

  it('may not make them too large together, and may make those of an older Berth smaller', () => {
    const half = 'x'.repeat(mostConfigBytes / 2)
    expect(() => configAfter({ A: half }, { set: { B: half }, unset: [] })).to.throw('256 KiB altogether at most')
    const large = { A: half, B: half, C: half }
    expect(configAfter(large, { set: {}, unset: ['C'] })).to.deep.equal({ A: half, B: half })
    expect(() => configAfter(large, { set: { D: '' }, unset: [] })).to.throw('256 KiB')
  })
})
