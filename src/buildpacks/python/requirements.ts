import { dirname, join } from 'node:path/posix'
import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'

/** What a requirements file and those that it includes ask for. */
export interface Requirements {
  /** Names as PyPI compares them; with their extras beside, `fastapi[standard]`. */
  readonly names: ReadonlySet<string>
  /** The files, the first one first. */
  readonly files: readonly string[]
  /** Whether something of the tree itself is installed: `-e .`, `./lib`. */
  readonly needsTree: boolean
  /** Whether something comes from a git repository. */
  readonly needsGit: boolean
}

/** A name as PyPI compares it (PEP 503). */
export const normalized = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-')

/** The names of one requirement (PEP 508), `fastapi[standard]>=0.1; python_version > "3"`: with and without its extras. */
export function namesOf(requirement: string): string[] {
  const match = /^\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?/.exec(requirement)
  if (match?.[1] === undefined) return []
  const name = normalized(match[1])
  const extras = (match[2] ?? '').split(',').map((extra) => extra.trim())
  return [name, ...extras.filter((extra) => extra !== '').map((extra) => `${name}[${normalized(extra)}]`)]
}

/** The line that has a file read. */
interface Inclusion {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** @returns null for a file that is not there, which no other names */
function textOf(tree: Tree, path: string, from: Inclusion | undefined): string | null {
  const text = tree.read(path)
  if (text === null && from !== undefined)
    throw new SourceError(
      { ...from, column: 1 },
      `"${from.text}": there is no ${path}`,
      `add ${path}, or take out the line`,
    )
  if (text?.includes('\0'))
    throw new SourceError(
      { file: path, line: 1, column: 1 },
      'this is no UTF-8 text: it looks as if PowerShell wrote it',
      `save ${path} as UTF-8`,
    )
  return text
}

/** Reads a requirements file and what it includes. @throws SourceError at the line that cannot be followed */
export function readRequirements(tree: Tree, file: string): Requirements {
  const names = new Set<string>()
  const files = new Set<string>()
  const found = { needsTree: false, needsGit: false }
  const read = (path: string, from?: Inclusion): void => {
    if (files.has(path)) return
    const text = textOf(tree, path, from)
    if (text === null) return
    files.add(path)
    for (const [line, requirement] of logicalLines(text)) {
      const include = /^(?:-r|-c|--requirement|--constraint)[\s=]*(.+)$/.exec(requirement)?.[1]?.trim()
      if (include !== undefined) {
        if (!/^\w+:\/\//.test(include))
          read(join(dirname(path), include), { file: path, line, text: requirement.slice(0, 60) })
        continue
      }
      // a line of its own that continues another, or what git leaves where a merge is not done
      if (/^[<>=!~,;|)\]]/.test(requirement))
        throw new SourceError(
          { file: path, line, column: 1 },
          `"${requirement.slice(0, 60)}" is no requirement`,
          'write a package and its version on one line, `name==1.2.3`',
        )
      if (/^(?:-e|--editable)|^\.{0,2}\/|^\.$|^file:|@\s*(?:file:|\.)/.test(requirement)) {
        if (requirement.includes('file:///'))
          throw new SourceError(
            { file: path, line, column: 1 },
            `"${requirement.slice(0, 60)}" is a file of the machine where this was written`,
            'write the version instead, `name==1.2.3`; conda: `pip list --format=freeze > requirements.txt`',
          )
        if (!/git\+/.test(requirement)) found.needsTree = true
      }
      if (/git\+/.test(requirement)) found.needsGit = true
      if (!/^(?:-|\.|\/|\w+:|git\+)/.test(requirement)) for (const name of namesOf(requirement)) names.add(name)
      const egg = /#egg=([\w.-]+)/.exec(requirement)?.[1]
      if (egg !== undefined) names.add(normalized(egg))
    }
  }
  read(file)
  return { names, files: [...files], ...found }
}

/** Lines without comments, each with its number; a `\` at the end joins the next. */
function logicalLines(text: string): [number, string][] {
  const lines: [number, string][] = []
  let open: [number, string] | null = null
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/(?:^|\s)#(?!egg=).*$/, '').trim()
    const whole: [number, string] = open === null ? [index + 1, line] : [open[0], `${open[1]} ${line}`]
    open = whole[1].endsWith('\\') ? [whole[0], whole[1].slice(0, -1).trim()] : null
    if (open === null && whole[1] !== '') lines.push(whole)
  }
  return open === null ? lines : [...lines, open]
}
