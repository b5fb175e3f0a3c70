import { expect } from 'chai'
import { SourceError } from '../../src/buildpacks/source-error.js'
import { parseYaml, type YamlValue } from '../../src/buildpacks/yaml.js'

const plain = (value: YamlValue): unknown =>
  value.kind === 'scalar'
    ? value.text
    : value.kind === 'list'
      ? value.items.map(plain)
      : Object.fromEntries([...value.entries].map(([name, of]) => [name, plain(of)]))
const read = (text: string): unknown => plain(parseYaml('heroku.yml', text))
const refusal = (text: string): string => {
  try {
    parseYaml('heroku.yml', text)
  } catch (error) {
    expect(error).to.be.instanceOf(SourceError)
    return (error as SourceError).message
  }
  return expect.fail('nothing was refused')
}

describe('a YAML file', () => {
  it('is read with all that people write, values as they are written', () => {
    expect(read('')).to.deep.equal({})
    expect(read('# nothing\n')).to.deep.equal({})
    expect(read("---\na: 1.10\nb: yes\nc: null\nd:\ne: \"x: y\"\nf: 'it''s'\n")).to.deep.equal({
      a: '1.10',
      b: 'yes',
      c: '',
      d: '',
      e: 'x: y',
      f: "it's",
    })
    expect(read('a:\n  - b\n  - {c: d, e: [f, g]}\nh: |\n  i\n  j\nk: >\n  l\n  m\n')).to.deep.equal({
      a: ['b', { c: 'd', e: ['f', 'g'] }],
      h: 'i\nj\n',
      k: 'l m\n',
    })
    expect(read('x: &x\n  y: 1\nz: *x\n')).to.deep.equal({ x: { y: '1' }, z: { y: '1' } })
    expect(read('__proto__: 1\nconstructor: 2\n')).to.deep.equal(JSON.parse('{"__proto__":"1","constructor":"2"}'))
    expect(read('a: 1\r\nb: 2\r\n')).to.deep.equal({ a: '1', b: '2' })
  })

  it('tells the line of each value', () => {
    const { entries } = parseYaml('heroku.yml', '# one\na:\n  b: 1\n\nc:\n')
    expect([entries.get('a')?.line, entries.get('c')?.line]).to.deep.equal([3, 5])
  })

  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let n = 1; n < 9; n += 1)
    bomb.push(
      `a${n}: &a${n} [${Array(9)
        .fill(`*a${n - 1}`)
        .join(', ')}]`,
    )
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['that is a list', '- a\n', /^heroku\.yml:1:1: .*a map was expected/],
    ['that is a word', 'hello\n', /^heroku\.yml:1:1: .*a map was expected/],
    ['with a tab', 'a:\n\tb: 1\n', /^heroku\.yml:2:1: .*[Tt]ab/],
    ['with a name twice', 'a: 1\nb: 2\na: 3\n', /^heroku\.yml:3:1: .*twice/],
    ['with an open bracket', 'a: [b, c\n', /^heroku\.yml:\d:1: /],
    ['with an open quote', 'a: "b\nc: d\n', /^heroku\.yml:\d:1: /],
    ['of two documents', 'a: 1\n---\nb: 2\n', /^heroku\.yml:\d:1: .*multiple documents/],
    ['with an alias of nothing', 'a: *b\n', /^heroku\.yml:1:1: .*b/],
    ['with an alias of itself', 'a: &a\n  b: *a\n', /^heroku\.yml:\d:1: .*nested too deeply/],
    ['with a list for a name', '? [a, b]\n: c\n', /^heroku\.yml:1:1: .*name/],
    ['of 9^9 aliases', `${bomb.join('\n')}\n`, /more than 10000 values/],
    ['of sixty thousand brackets', `a: ${'['.repeat(6e4)}`, /nested too deeply/],
    ['of ten thousand maps in one another', `a: ${'{a: '.repeat(1e4)}`, /nested too deeply/],
    ['longer than any', '# a\n'.repeat(1e5), /characters/],
    ['of ten thousand anchors', '&a '.repeat(1e4), /anchors/],
    ['of a hundred lists in one another', `a: ${'['.repeat(100)}${']'.repeat(100)}`, /nested too deeply/],
    ['of twelve thousand values', `a:\n${'- \n'.repeat(12_000)}`, /10000 values/],
  ]
  for (const [what, text, message] of wrong)
    it(`${what} is refused`, () => {
      expect(refusal(text)).to.match(message)
    })
})
