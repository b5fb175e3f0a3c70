import { expect } from 'chai'
import { namesIn } from '../../src/buildpacks/json-places.js'

describe('the names in a JSON text', () => {
  it('have the path that leads to them, through lists too, and their place', () => {
    const text = '{"a": [1, {"b": "x, {\\"c\\": 1}"}, {"d": {}}], "e\\u0041": true}'
    const { names, twice } = namesIn(text)
    expect(names.map(({ path }) => path.join('.'))).to.deep.equal(['a', 'a.1.b', 'a.2.d', 'eA'])
    expect(names.map(({ offset }) => text[offset + 1])).to.deep.equal(['a', 'b', 'd', 'e'])
    expect(twice).to.deep.equal([])
  })

  it('that an object has twice are told, and not those of two objects', () => {
    const { twice } = namesIn('{"a": {"x": 1}, "b": {"x": 1, "x": 2}, "a": 1}')
    expect(twice.map(({ path }) => path.join('.'))).to.deep.equal(['b.x', 'a'])
  })

  it('of a tree as deep as a file can hold, or with as many names, are found', () => {
    expect(namesIn('{"a":'.repeat(180_000)).names).to.have.length(6)
    expect(namesIn(`{${'"a":1,'.repeat(170_000)}"b":1}`).names).to.have.length(170_001)
    expect(namesIn('['.repeat(1_000_000)).names).to.have.length(0)
    expect(namesIn(`"${'\\'.repeat(1_000_000)}`).names).to.have.length(0)
  })
})
