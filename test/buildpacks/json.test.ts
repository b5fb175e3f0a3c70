import { expect } from 'chai'
import fc from 'fast-check'
import { parseJson } from '../../src/buildpacks/json.js'
import { SourceError } from '../../src/buildpacks/source-error.js'

function placeIn(text: string): string {
  try {
    parseJson('f', text)
  } catch (error) {
    if (error instanceof SourceError) return `${error.line}:${error.column}`
    throw error
  }
  throw new Error('it is JSON')
}

describe('parseJson', () => {
  for (const [text, place] of [
    ['', '1:1'],
    ['{', '1:2'],
    ['{"a": 1,}', '1:9'],
    ['{"a" 1}', '1:6'],
    ['{"a": }', '1:7'],
    ['[1, 2', '1:6'],
    ['[1 2]', '1:4'],
    ['{"a": [1, {"b": tru}]}', '1:17'],
    ['{"a": 1} x', '1:10'],
    ['{\n  "a": "b\n}', '2:8'],
    ["{'a': 1}", '1:2'],
    ['{"a": [1}', '1:9'],
    ['{}}', '1:3'],
    ['// no\n{}', '1:1'],
    ['{"a": 01}', '1:8'],
  ])
    it(`finds the mistake in ${JSON.stringify(text)} at ${String(place)}`, () =>
      expect(placeIn(text ?? '')).to.equal(place))

  it('reads whatever is JSON', () => {
    fc.assert(fc.property(fc.json(), (text) => void expect(parseJson('f', text)).to.deep.equal(JSON.parse(text))))
  })

  it('finds a place within the text for any mistake', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', ':', '"', 'x', ''), (json, at, wrong) => {
        const offset = at % (json.length + 1)
        const text = json.slice(0, offset) + wrong + json.slice(offset + 1)
        try {
          JSON.parse(text)
        } catch {
          const [, column = 0] = placeIn(text).split(':').map(Number)
          expect(column).to.be.within(1, text.length + 1)
        }
      }),
    )
  })
})
