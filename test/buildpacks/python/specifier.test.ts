import { expect } from 'chai'
import { allows } from '../../../src/buildpacks/python/specifier.js'

describe('a specifier of Python versions', () => {
  for (const [specifier, good, bad] of [
    ['>=3.10,<4', ['3.10', '3.13.1'], ['3.9.9', '4.0']],
    ['>= 3.10 < 3.12', ['3.11.9'], ['3.12.0', '3.9']],
    ['~=3.10.2', ['3.10.2', '3.10.9'], ['3.10.1', '3.11']],
    ['~=3.10', ['3.10', '3.13'], ['3.9', '4.0']],
    ['^3.11', ['3.11', '3.14'], ['3.10', '4.0']],
    ['~3.11', ['3.11.4'], ['3.12', '3.10']],
    ['==3.11.*', ['3.11.4'], ['3.12']],
    ['!=3.11.*,>=3.10', ['3.10', '3.12'], ['3.11.4']],
    ['3.11', ['3.11', '3.11.7'], ['3.12']],
    ['>3.10', ['3.11'], ['3.10', '3.10.4']],
    ['<=3.11', ['3.11.9', '3.10'], ['3.12']],
    ['^2.7 || ^3.11', ['2.7.18', '3.12'], ['3.10']],
  ] as const)
    it(`${specifier} allows ${good.join(', ')} and not ${bad.join(', ')}`, () => {
      expect(good.filter((version) => allows(specifier, version))).to.deep.equal(good)
      expect(bad.filter((version) => allows(specifier, version))).to.deep.equal([])
    })

  it('that cannot be read allows everything', () => {
    expect(['', 'newest', '>=three'].filter((specifier) => !allows(specifier, '3.11'))).to.deep.equal([])
  })
})
