import { expect } from 'chai'
import { interpolate } from '../../src/lib/interpolate.js'

const vars: Readonly<Record<string, string>> = { A: 'a', B: 'b', EMPTY: '', PORT: '80' }
const read = (text: string): string => interpolate(text, (name) => vars[name])

describe('interpolation', () => {
  for (const [text, wanted] of [
    ['plain', 'plain'],
    ['$A-${B}', 'a-b'],
    ['$AB ${AB}', ' '],
    ['$$A $$$A', '$A $a'],
    ['cost: 5$', 'cost: 5$'],
    ['$1 $-', '$1 $-'],
    ['${NO:-x} ${NO-x} ${EMPTY:-x} ${EMPTY-x}|', 'x x x |'],
    ['${A:+x}${A+x}${NO:+x}${EMPTY:+x}${EMPTY+y}', 'xxy'],
    ['${A:?must} ${EMPTY?must}', 'a '],
    ['${NO:-${A}-${NO2:-${B}}}', 'a-b'],
    ['${NO:-http://h:$PORT/{x}', 'http://h:80/{x'],
    ['${A:-${NO:?not wanted}}', 'a'],
    ['${NO+${NO:?not wanted}}', ''],
    ['${NO:-$$}', '$'],
    ['{{ .Value }} %{x}', '{{ .Value }} %{x}'],
  ] as const)
    it(`reads ${text}`, () => expect(read(text)).to.equal(wanted))

  for (const [text, words] of [
    ['${', /no variable/],
    ['${}', /no variable/],
    ['${A!x}', /no variable/],
    ['${A/x/y}', /no variable/],
    ['${A:=x}', /no variable/],
    ['${NO:-x', /whose } is missing/],
    ['${NO:?set it}', /^wants NO: set it$/],
    ['${EMPTY:?}', /^wants EMPTY$/],
    ['${NO?}', /^wants NO$/],
    ['${NO:-'.repeat(30) + '}'.repeat(30), /too deeply/],
    ['$BIG'.repeat(20), /longer than/],
  ] as const)
    it(`refuses ${text.slice(0, 30)}`, () =>
      expect(() => interpolate(text, (name) => (name === 'BIG' ? 'x'.repeat(10_000) : vars[name]))).to.throw(words))
})
