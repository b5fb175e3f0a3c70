import { expect } from 'chai'
import { asTable, asTables, asTexts, parseToml, TomlError } from '../../src/lib/toml.js'

const read = (text: string): unknown => JSON.parse(JSON.stringify(parseToml(text)))

describe('TOML', () => {
  it('is read with its tables, lists of tables and times', () => {
    const text = '[tool.s]\nw = { path = "../w" }\n[[p]]\nn = 1\n[[p]]\nn = 2\n[t]\nd = 2020-01-02T03:04:05Z\n'
    expect(read(text)).to.deep.equal({
      tool: { s: { w: { path: '../w' } } },
      p: [{ n: 1 }, { n: 2 }],
      t: { d: '2020-01-02T03:04:05.000Z' },
    })
  })

  it('has keys that JavaScript has already', () => {
    expect(Object.keys(parseToml('constructor = 1\n__proto__.x = 2'))).to.deep.equal(['constructor', '__proto__'])
    expect(({} as Record<string, unknown>).x).to.equal(undefined)
  })

  for (const [text, place] of [
    ['a = b', '1:5'],
    ['\na = "x', '2:5'],
    ['a = """x', '1:5'],
    ['[a]\n[a]', '2:2'],
    ['a = 1\na = 2', '2:1'],
    ['a = [1 2]', '1:8'],
    ['a = 1 b = 2', '1:7'],
    ['a = 01', '1:5'],
    ['= 1', '1:1'],
    [`a = ${'['.repeat(5000)}`, '1:205'],
  ] as const)
    it(`is not ${JSON.stringify(text.slice(0, 40))}, wrong at ${place}`, () => {
      try {
        parseToml(text)
      } catch (error) {
        expect(error).to.be.instanceOf(TomlError)
        if (error instanceof TomlError) expect(`${String(error.line)}:${String(error.column)}`).to.equal(place)
        return
      }
      expect.fail('it was taken')
    })

  it('is taken as what it should be, or as nothing', () => {
    const { a, b } = parseToml('a = [{x = 1}, 2, "t"]\nb = 1')
    expect([asTable(b), asTable(undefined), asTables(b), asTexts(b)].map((one) => JSON.stringify(one))).to.deep.equal([
      '{}',
      '{}',
      '[]',
      '[]',
    ])
    expect(asTexts(a)).to.deep.equal(['t'])
    expect(asTables(a).map(({ x }) => x)).to.deep.equal([1, undefined, undefined])
  })
})
