import { expect } from 'chai'
import { anyOf, flagOf, labelsMatch, looselyMatches, parseFilters } from '../../../src/engine/system/filters.js'

const parse = (filters: unknown, known = ['label', 'label!', 'name']) =>
  parseFilters(new URLSearchParams({ filters: JSON.stringify(filters) }), known)

describe('filters of the API', () => {
  it('come as lists or as maps', () => {
    expect([...parse({ label: ['a', 'b=c'] })]).to.deep.equal([['label', ['a', 'b=c']]])
    expect([...parse({ label: { a: true, 'b=c': true, d: false } })]).to.deep.equal([['label', ['a', 'b=c']]])
    expect(parseFilters(new URLSearchParams(), []).size).to.equal(0)
    expect(parseFilters(new URLSearchParams('filters='), []).size).to.equal(0)
  })

  it('are refused when unknown or malformed, never ignored', () => {
    expect(() => parse({ nmae: ['x'] })).to.throw("invalid filter 'nmae'")
    expect(() => parse({ name: 'x' })).to.throw("invalid filter 'name'")
    expect(() => parse([])).to.throw('not a map')
    expect(() => parseFilters(new URLSearchParams('filters={'), [])).to.throw('not JSON')
  })

  it('want all labels and none of label!', () => {
    const labels = { a: '1', b: 'x=y' }
    const match = (filters: unknown) => labelsMatch(parse(filters), labels)
    expect(match({})).to.equal(true)
    expect(match({ label: ['a', 'b=x=y'] })).to.equal(true)
    expect(match({ label: ['a', 'c'] })).to.equal(false)
    expect(match({ label: ['a=2'] })).to.equal(false)
    expect(match({ 'label!': ['a=2'] })).to.equal(true)
    expect(match({ 'label!': ['a'] })).to.equal(false)
    expect(match({ label: ['toString'] })).to.equal(false)
  })

  it('want any of the other values', () => {
    const filters = parse({ name: ['x', 'y'] })
    expect(anyOf(filters, 'name', (wanted) => wanted === 'y')).to.equal(true)
    expect(anyOf(filters, 'name', (wanted) => wanted === 'z')).to.equal(false)
    expect(anyOf(filters, 'label', () => false)).to.equal(true)
  })

  it('match names loosely', () => {
    expect(looselyMatches('we', 'web')).to.equal(true)
    expect(looselyMatches('^eb', 'web')).to.equal(false)
    expect(looselyMatches('^web$', 'web')).to.equal(true)
    expect(looselyMatches('a(', 'a(b')).to.equal(true)
  })

  it('read booleans as Go does', () => {
    const read = (value: string) => flagOf(parse({ name: [value] }), 'name')
    expect([read('1'), read('true'), read('0'), read('false')]).to.deep.equal([true, true, false, false])
    expect(flagOf(parse({}), 'name')).to.be.undefined
    expect(() => read('yes')).to.throw("invalid filter 'name=yes'")
  })
})
