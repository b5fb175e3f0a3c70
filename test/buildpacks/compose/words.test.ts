import { expect } from 'chai'
import { bytesOf, secondsOf } from '../../../src/buildpacks/compose/units.js'
import { OpenQuote, wordsOf } from '../../../src/buildpacks/compose/words.js'

describe('a command of a compose file', () => {
  for (const [line, words] of [
    ['node server.js', ['node', 'server.js']],
    [`sh -c 'a && b "c"'`, ['sh', '-c', 'a && b "c"']],
    ['a "b c"d \'e\'f ""', ['a', 'b cd', 'ef', '']],
    ['a\\ b "\\"q\\" \\n" \\\\', ['a b', '"q" \\n', '\\']],
    ['  ', []],
    ['a\n  b', ['a', 'b']],
    ['--x=$$Y ; z', ['--x=$$Y', ';', 'z']],
  ] as const)
    it(`is split: ${JSON.stringify(line)}`, () => expect(wordsOf(line)).to.deep.equal(words))
  for (const line of ['a "b', "it's"]) it(`is refused: ${line}`, () => expect(() => wordsOf(line)).to.throw(OpenQuote))
})

describe('amounts of a compose file', () => {
  for (const [text, seconds] of [
    ['30s', 30],
    ['1m30s', 90],
    ['1h2m', 3720],
    ['500ms', 0.5],
    ['1.5s', 1.5],
    ['10000000000', 10],
    ['', null],
    ['5 s', null],
    ['5d', null],
    ['-1s', null],
  ] as const)
    it(`a duration: ${text}`, () => expect(secondsOf(text)).to.equal(seconds))
  for (const [text, bytes] of [
    ['64m', 64 * 2 ** 20],
    ['1gb', 2 ** 30],
    ['1.5G', 1.5 * 2 ** 30],
    ['512MiB', 512 * 2 ** 20],
    ['1024', 1024],
    ['50b', 50],
    ['many', null],
    ['', null],
    ['-1', null],
  ] as const)
    it(`a size: ${text}`, () => expect(bytesOf(text)).to.equal(bytes))
})
