import { dirname, join } from 'node:path/posix'
import { SourceError, type SourcePlace } from '../source-error.js'
import type { Tree } from '../tree.js'

/** What a go.mod says of its module. */
export interface GoMod {
  readonly module: string
  /** The `go` and `toolchain` lines: `1.22`, `1.22.3`. */
  readonly go?: string
  readonly toolchain?: string
  /** Modules that it asks for. */
  readonly requires: readonly string[]
  /** Directories of the tree that stand for modules: `lib`. */
  readonly replaces: readonly string[]
  /** What `// +heroku …` lines say, by their first word: `goVersion`, `install`. */
  readonly heroku: Readonly<Record<string, string>>
}

/** @throws SourceError for a directory that is not pushed */
function directoryOf(target: string, place: SourcePlace): string {
  const directory = join(dirname(place.file), target)
  if (target.startsWith('/') || directory.startsWith('..'))
    throw new SourceError(
      place,
      `${target} is outside of what is pushed`,
      'put the module into the repository, or take out the `replace`',
    )
  return directory.replace(/\/$/, '')
}

/** Reads a go.mod. @throws SourceError where it names no module, or a directory that is not pushed */
export function readGoMod(tree: Tree, file = 'go.mod'): GoMod {
  const requires: string[] = []
  const replaces: string[] = []
  const heroku: Record<string, string> = {}
  const said: Record<string, string> = {}
  let block = ''
  for (const [index, raw] of (tree.read(file) ?? '').split(/\r?\n/).entries()) {
    const directive = /^\s*\/\/\s*\+heroku\s+(\w+)\s+(.*?)\s*$/.exec(raw)
    if (directive) heroku[directive[1] ?? ''] = directive[2] ?? ''
    const line = raw.replace(/\/\/.*/, '').trim()
    const opens = /^(\w+)\s*\($/.exec(line)?.[1]
    if (opens !== undefined) block = opens
    else if (line === ')') block = ''
    else if (line !== '') {
      const [verb = '', ...rest] = block === '' ? line.split(/\s+/) : [block, ...line.split(/\s+/)]
      const [first = ''] = rest.map((word) => word.replace(/^["`]|["`]$/g, ''))
      if (verb === 'require') requires.push(first)
      else if (verb === 'replace') {
        const target = line.split('=>')[1]?.trim().split(/\s+/)[0] ?? ''
        if (/^\.{0,2}\//.test(target))
          replaces.push(directoryOf(target, { file, line: index + 1, column: raw.indexOf(target) + 1 }))
      } else said[verb] ??= first
    }
  }
  const { module, go, toolchain } = said
  if (module === undefined)
    throw new SourceError(
      { file, line: 1, column: 1 },
      'it names no module',
      'begin it with `module <name>`: `go mod init` does',
    )
  return {
    module,
    requires,
    replaces,
    heroku,
    ...(go === undefined ? {} : { go }),
    ...(toolchain === undefined ? {} : { toolchain }),
  }
}
