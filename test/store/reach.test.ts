import { expect } from 'chai'
import { varsFor } from '../../src/store/reach.js'

describe('who has a config var', () => {
  it('is builds and processes, unless one of them alone', () => {
    const of = { config: { A: '1', B: '2', C: '3', constructor: '4' }, reach: { B: 'build', C: 'run' } as const }
    expect(varsFor('build', of)).to.deep.equal({ A: '1', B: '2', constructor: '4' })
    expect(varsFor('run', of)).to.deep.equal({ A: '1', C: '3', constructor: '4' })
    expect(varsFor('run', { config: { A: '1' } }), 'a record of before').to.deep.equal({ A: '1' })
  })
})
