import { expect } from 'chai'
import fc from 'fast-check'
import { expandHeredoc, ExpandError, expandWord, expandWords } from '../../../src/engine/build/expand.js'

const variables = new Map([
  ['a', 'one'],
  ['b', 'two words'],
  ['empty', ''],
  ['path', '/x/y.tar.gz'],
])

describe('expanding variables', () => {
  const table: readonly (readonly [word: string, result: string])[] = [
    ['$a', 'one'],
    ['${a}x', 'onex'],
    ['$ab', ''],
    ['"$a $b"', 'one two words'],
    ["'$a'", '$a'],
    ['\\$a', '$a'],
    ['"\\$a \\" \\x"', '$a " \\x'],
    ['a\\ b', 'a b'],
    ['${none:-d}', 'd'],
    ['${empty:-d}', 'd'],
    ['${empty-d}', ''],
    ['${a:-d}', 'one'],
    ['${a:+d}', 'd'],
    ['${none:+d}', ''],
    ['${empty+d}', 'd'],
    ['${none:-${a:-x}}', 'one'],
    ['${none:-"q $a"}', 'q one'],
    ['${path##*/}', 'y.tar.gz'],
    ['${path#*/}', 'x/y.tar.gz'],
    ['${path%.*}', '/x/y.tar'],
    ['${path%%.*}', '/x/y'],
    ['${b/w*s/x}', 'tx'],
    ['${path//[a-z]/x}', '/x/y.tar.gz'],
    ['${path//\\//_}', '_x_y.tar.gz'],
    ['$', '$'],
    ['5$', '5$'],
  ]
  for (const [word, result] of table)
    it(`makes ${result || 'nothing'} of ${word}`, () => expect(expandWord(word, variables)).to.equal(result))

  it('cuts unquoted values into words', () =>
    expect(expandWords('$b x', variables)).to.deep.equal(['two', 'words', 'x']))

  it('keeps the quotes of a heredoc', () =>
    expect(expandHeredoc('"$a" \'$a\' \\$a\n', variables)).to.equal('"one" \'one\' $a\n'))

  const mistakes: readonly (readonly [word: string, offset: number, message: string])[] = [
    ['x${a', 1, 'never closed'],
    ['${}', 0, 'no name'],
    ['${none:?give it}', 0, 'none: give it'],
    ['${none?}', 0, 'is not set'],
    ['"x', 0, 'never closed'],
    ['${a!}', 0, 'unsupported modifier'],
  ]
  for (const [word, offset, message] of mistakes)
    it(`refuses ${word}`, () => {
      try {
        expandWord(word, variables)
      } catch (error) {
        expect(error).to.be.instanceOf(ExpandError).and.include({ offset })
        expect((error as Error).message).to.include(message)
        return
      }
      throw new Error('no error')
    })

  it('looks for patterns in long values, and refuses what would keep the engine for long', () => {
    const long = new Map([['long', 'ab'.repeat(100_000)]])
    expect(expandWord('${long//ab/c}', long)).to.equal('c'.repeat(100_000))
    expect(expandWord('${long%b*}', long)).to.equal(`${'ab'.repeat(99_999)}a`)
    for (const word of ['${long//*x/c}', `\${long%${'?'.repeat(100)}}`])
      expect(() => expandWord(word, long), word.slice(0, 20)).to.throw(ExpandError, 'too long to be searched')
  })

  it('does not overflow on nesting', () =>
    expect(() => expandWord('${x:-'.repeat(5000), variables)).to.throw(ExpandError, 'nested too deeply'))

  it('gives back any text that was quoted', () =>
    fc.assert(
      fc.property(fc.string(), (text) => {
        const quoted = `"${text.replace(/[\\"$]/g, '\\$&')}"`
        expect(expandWord(quoted, variables)).to.equal(text)
      }),
    ))

  it('never fails in another way', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom('$', '{', '}', 'a', ':', '-', '"', "'", '\\', '#', '/', '*')), (parts) => {
        try {
          expandWord(parts.join(''), variables)
        } catch (error) {
          expect(error).to.be.instanceOf(ExpandError)
        }
      }),
      { numRuns: 1000 },
    ))
})
