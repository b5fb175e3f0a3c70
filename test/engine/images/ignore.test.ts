import { expect } from 'chai'
import { ignoredPaths } from '../../../src/engine/images/ignore.js'
import { EngineError } from '../../../src/engine/errors.js'
import type { FileIndex, IndexEntry } from '../../../src/engine/images/index-file.js'

const tree = (paths: string): FileIndex =>
  new Map(
    paths.split(' ').map((path): [string, IndexEntry] => {
      const type = path.endsWith('/') ? 'directory' : 'file'
      return [`/${path.replace(/\/$/, '')}`, { type, mode: 0o644, content: '', size: 0 }]
    }),
  )

describe('.dockerignore', () => {
  const table: readonly (readonly [patterns: string, paths: string, ignored: string])[] = [
    ['node_modules', 'a node_modules/ node_modules/x b/ b/node_modules/', 'node_modules node_modules/x'],
    ['**/node_modules', 'b/ b/node_modules/ b/node_modules/x', 'b/node_modules b/node_modules/x'],
    ['*.md\n!README.md', 'a.md README.md d/ d/b.md', 'a.md'],
    ['d\n!d/keep', 'd/ d/keep d/drop', 'd/drop'],
    ['*\n!src', 'a src/ src/b', 'a'],
    ['# comment\n\n/a', 'a b', 'a'],
    ['**/a/b', 'a/ a/b a/bc x/ x/a/ x/a/b/ x/a/b/c xa/b', 'a/b x/a/b x/a/b/c'],
    ['a/b', 'a/ a/b/ a/b/c a/bc x/ x/a/ x/a/b', 'a/b a/b/c'],
    [
      'log-*.txt',
      'log-1.txt log-/ log-2.txt/ log-2.txt/x x/ x/log-1.txt log-1.txt~',
      'log-1.txt log-2.txt log-2.txt/x',
    ],
    ['', 'a b', ''],
  ]
  for (const [patterns, paths, ignored] of table)
    it(`${JSON.stringify(patterns)} leaves out ${ignored || 'nothing'}`, () =>
      expect(ignoredPaths(patterns, tree(paths)).sort().join(' ')).to.equal(
        ignored
          .split(' ')
          .filter(Boolean)
          .map((path) => `/${path}`)
          .join(' '),
      ))

  it('that is no pattern is the client’s fault', () =>
    expect(() => ignoredPaths('[', tree('a')))
      .to.throw(EngineError, 'syntax error in pattern')
      .and.include({ fault: 'invalid' }))
})
