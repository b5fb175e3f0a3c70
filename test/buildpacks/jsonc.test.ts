import { expect } from 'chai'
import { parseJsonc, withoutComments } from '../../src/buildpacks/jsonc.js'
import { SourceError } from '../../src/buildpacks/source-error.js'

describe('JSON with comments', () => {
  it('may have comments of both kinds and commas before what closes', () => {
    const text = '{ // one\n "a": [1, 2, /* three */ ], "b": "// no /* comment */", \n}'
    expect(parseJsonc('deno.json', text)).to.deep.equal({ a: [1, 2], b: '// no /* comment */' })
  })

  it('keeps everything else in its place', () => {
    const text = '{\n /* a\n b */ "c": 1,\n}'
    expect(withoutComments(text)).to.have.length(text.length)
    expect(withoutComments(text).indexOf('"c"')).to.equal(text.indexOf('"c"'))
    expect(withoutComments(text).split('\n')).to.have.length(4)
  })

  it('is complained of where it is wrong, behind a comment and in one without an end', () => {
    const wrong = (text: string): unknown => {
      try {
        return parseJsonc('deno.json', text)
      } catch (error) {
        return error
      }
    }
    for (const [text, line] of [
      ['{ // fine\n "a": nope }', 2],
      ['{}\n/* no end', 2],
    ] as const) {
      const error = wrong(text)
      expect(error).to.be.instanceOf(SourceError)
      expect((error as SourceError).line).to.equal(line)
    }
  })
})
