import { expect } from 'chai'
import { asTable, asTables, asTexts, parseToml, TomlError } from '../../src/lib/toml.js'

const read = (text: string): unknown => JSON.parse(JSON.stringify(parseToml(text)))

describe('TOML', () => {
  it('has keys of every kind, bare, quoted and dotted', () => {
    expect(read('a-b_1 = 1\n"x y" = 2\n\'lit\' = 3\nd . e."f.g" = 4 # so\r\n')).to.deep.equal({
      'a-b_1': 1,
      'x y': 2,
      lit: 3,
      d: { e: { 'f.g': 4 } },
    })
  })

  it('has texts of four kinds', () => {
    expect(
      read(
        'a = "q\\"\\t\\u00e9\\\\n"\nb = \'c:\\x\'\nc = """\none \\\n   two "is" ""x"""""\nd = \'\'\'\na\n\'b\'\'\'\'\n',
      ),
    ).to.deep.equal({
      a: 'q"\té\\n',
      b: 'c:\\x',
      c: 'one two "is" ""x""',
      d: "a\n'b'",
    })
  })

  it('has numbers, truth and times', () => {
    expect(
      read('a=1_000\nb=-1.5e3\nc=0xff\nd=true\ne=2020-01-02T03:04:05Z\nf=2020-01-02 03:04:05\ng=07:32:00'),
    ).to.deep.equal({
      a: 1000,
      b: -1500,
      c: 255,
      d: true,
      e: '2020-01-02T03:04:05Z',
      f: '2020-01-02 03:04:05',
      g: '07:32:00',
    })
    expect(parseToml('a = -inf').a).to.equal(-Infinity)
  })

  it('has arrays over many lines, tables in lines and lists of tables', () => {
    const text = `a = [ # of texts
  "x", # one
  'y',
]
[tool.s]
w = { path = "../w", deep.er = [1, {}], }
[[p]]
n = 1
[p.sub]
q = 1
[[p]]
n = 2
[tool]
late = 1
`
    expect(read(text)).to.deep.equal({
      a: ['x', 'y'],
      tool: { s: { w: { path: '../w', deep: { er: [1, {}] } } }, late: 1 },
      p: [{ n: 1, sub: { q: 1 } }, { n: 2 }],
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
    ['[a]\n[a]', '2:1'],
    ['a = 1\na = 2', '2:1'],
    ['a = [1,', '1:8'],
    ['a = [1 2]', '1:8'],
    ['a', '1:2'],
    ['a = 1 b = 2', '1:7'],
    ['a = {x = 1}\n[a]\nb = 1', '2:1'],
    ['a = [1]\n[[a]]', '2:1'],
    ['a = "\\q"', '1:6'],
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
