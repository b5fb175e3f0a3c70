import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { parse } from 'dotenv'
import { formatVar, parseEnvFile } from '../../src/cli/env-file.js'

/** Whatever an environment can hold: text without NUL, and what quoting trips over more often than chance has it. */
const awkward = fc.constantFrom(
  "'",
  '"',
  '`',
  '\\',
  '$',
  '\n',
  '\r',
  '\r\n',
  '#',
  ' ',
  '=',
  '\t',
  '!',
  '\u0001',
  '\u0081',
  '🚢',
  "'\\''",
  '\\n',
  '\ufeff',
  '$(id)',
  '#!',
  'x',
)
const value = fc
  .array(fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 12 })
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .filter((text) => !/\p{Surrogate}/u.test(text))
const name = fc.stringMatching(/^X_[A-Za-z0-9_]{1,8}$/)
const vars = (maxKeys: number) => fc.dictionary(name, value, { maxKeys, size: 'max', noNullPrototype: true })

const write = (all: Record<string, string>): string =>
  Object.entries(all)
    .map(([key, text]) => `${formatVar(key, text)}\n`)
    .join('')

describe('a file of config vars', () => {
  it('comes back as it was written, whatever the values hold', () => {
    fc.assert(
      fc.property(vars(12), (all) => void expect(parseEnvFile(write(all))).to.deep.equal(all)),
      { numRuns: 1000 },
    )
  })

  it('is to a shell what it is to Berth', () => {
    const dir = mkdtempSync(join(tmpdir(), 'berth-env-'))
    const file = join(dir, '.env')
    const shell = (text: string): Record<string, string> => {
      writeFileSync(file, text)
      const told = execFileSync('sh', ['-c', 'set -a; . "$1"; exec env -0', 'sh', file], {
        env: { PATH: process.env.PATH },
      })
      const all = told
        .toString()
        .split('\0')
        .filter((line) => line.startsWith('X_'))
      return Object.fromEntries(
        all.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      )
    }
    try {
      fc.assert(
        fc.property(vars(80), (all) => void expect(shell(write(all))).to.deep.equal(all)),
        { numRuns: 20 },
      )
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('that a person wrote is read as dotenv reads it', () => {
    const theirs = [
      '# a comment',
      'PLAIN=hello world # said',
      'DOUBLE="two\\nlines"',
      'MANY="one',
      "INSIDE='not a var'",
      'two"',
      "SINGLE='it\\'s'",
      'TICKS=`say "hi"`',
      'export EXPORTED=yes',
      'SPACED = padded  ',
      'EMPTY=',
      'YAML: style',
      'URL=http://user:pass@host/?q=1#top',
      '',
    ].join('\n')
    expect(parseEnvFile(theirs)).to.deep.equal(parse(theirs))
    expect(parseEnvFile(theirs.replaceAll('\n', '\r\n'))).to.deep.equal(parse(theirs))
  })

  it('may hold both', () => {
    const vars = parseEnvFile(`# mine\nA=b c\n${formatVar('KEY', "it's\n'quoted'\r\n")}\nexport B='x' # last\nC="d"`)
    expect(vars).to.deep.equal({ A: 'b c', KEY: "it's\n'quoted'\r\n", B: 'x', C: 'd' })
  })
})
