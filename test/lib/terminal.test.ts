import { expect } from 'chai'
import fc from 'fast-check'
import { harmless } from '../../src/lib/terminal.js'

const esc = '\u001b'

describe('text of a stranger on a terminal', () => {
  it('loses every sequence and control character but colours, tabs and newlines', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['plain\ttext\nof two lines', 'plain\ttext\nof two lines'],
      [`${esc}[31mred${esc}[0m`, `${esc}[31mred${esc}[0m`],
      [`${esc}[1;38;5;196mred`, `${esc}[1;38;5;196mred${esc}[0m`],
      [`${esc}[31mred\nnext`, `${esc}[31mred${esc}[0m\nnext`],
      [`a${esc}[2Jb`, 'ab'],
      [`a${esc}[1;1Hb`, 'ab'],
      [`a${esc}[?1049hb`, 'ab'],
      [`a${esc}[>4;2mb`, 'ab'],
      [`a${esc}[6nb`, 'ab'],
      [`a${esc}]0;title\u0007b`, 'ab'],
      [`a${esc}]52;c;ZWNobw==${esc}\\b`, 'ab'],
      [`a${esc}]8;;http://x${esc}\\link${esc}]8;;${esc}\\b`, 'alinkb'],
      [`a${esc}Pq#0${esc}\\b`, 'ab'],
      [`a${esc}_Gx${esc}\\b`, 'ab'],
      [`a${esc}]52;never ended\nb`, 'a\nb'],
      [`a${esc}cb`, 'ab'],
      [`a${esc}(0b`, 'ab'],
      [`a${esc}#8b`, 'ab'],
      [`a${esc}${esc}[2Jb`, 'ab'],
      [`a${esc}[3\u0007 1mb`, 'a 1mb'],
      ['a\u009b2Jb', 'a2Jb'],
      ['a\u009d0;t\u009cb', 'a0;tb'],
      ['a\rb\bc\u0007d\u0000e\u007ff', 'abcdef'],
      [`ends${esc}`, 'ends'],
      [`ends${esc}[`, 'ends'],
    ]
    for (const [text, expected] of cases) expect(harmless(text), JSON.stringify(text)).to.equal(expected)
  })

  it('holds nothing else, whatever it was, and is left as it is the second time', () => {
    const unit = fc.constantFrom(esc, '[', ']', '3', '1', ';', 'm', 'J', '\\', '\u0007', '\n', '\u009b', 'P', '?', ' ')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        const shown = harmless(text)
        // eslint-disable-next-line no-control-regex -- what is left over would be one
        expect(shown.replace(/\u001b\[[0-9;:]*m/g, '')).to.match(/^[\n\t\u0020-\u007e]*$/)
        expect(harmless(shown)).to.equal(shown)
      }),
      { numRuns: 2000 },
    )
  })

  it('takes time as it is long', function () {
    this.timeout(5_000)
    for (const unit of [esc, `${esc}[`, `${esc}]`, `${esc}[3`, `${esc}[ `, `${esc}[31m`, `${esc} `])
      harmless(unit.repeat(100_000))
  })
})
