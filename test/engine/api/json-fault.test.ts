import { expect } from 'chai'
import { jsonFault } from '../../../src/engine/api/json-fault.js'

/** Each as dockerd said of it. */
const said: readonly (readonly [text: string, fault: string])[] = [
  ['{invalid', "invalid character 'i' looking for beginning of object key string"],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{', 'unexpected EOF'],
  [' [1, {"a": "b', 'unexpected EOF'],
  ['nul', 'unexpected EOF'],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":}', "invalid character '}' looking for beginning of value"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['{"a":[{}, [], -1.5e3, "\\u00e4", true]]', "invalid character ']' after object key:value pair"],
  ['{} {}', 'unexpected content after JSON'],
  ['{"a":1}x', 'unexpected content after JSON'],
]

describe('a fault in JSON', () => {
  for (const [text, fault] of said)
    it(`of ${text} is told as Go tells it`, () => {
      expect(() => JSON.parse(text) as unknown).to.throw()
      expect(jsonFault(text)).to.equal(fault)
    })

  it('is found in whatever is cut off or spoilt', () => {
    const whole = '{"a": [1, "x\\n", {"b": null, "c": false}], "d": -0.5e-7, "": {}}'
    for (let end = 0; end < whole.length; end++)
      expect(jsonFault(whole.slice(0, end)), whole.slice(0, end)).to.equal('unexpected EOF')
    for (let at = 0; at < whole.length; at++)
      expect(jsonFault(`${whole.slice(0, at)}\u0001${whole.slice(at)}`)).to.match(/^(invalid|unexpected)/)
  })
})
