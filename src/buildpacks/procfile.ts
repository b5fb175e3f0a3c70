import { SourceError } from './source-error.js'
import type { Tree } from './tree.js'

/** A process type, as in a Procfile and in `berth ps:scale`. */
export const processType = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})$/

const form = 'write one `<process type>: <command>` a line, `web: node server.js`'

/** Commands that no Linux runs: programs and scripts of Windows, its paths and its variables. */
const isOfWindows = (command: string): boolean =>
  /^(?:\.\\|[A-Za-z]:\\|[\w.\\/-]+\.(?:exe|bat|cmd|ps1)(?:\s|$)|(?:cmd|powershell)(?:\.exe)?\s)/i.test(command) ||
  /%PORT%/i.test(command)

/**
 * Reads a Procfile: `<process type>: <command>` a line; blank lines and `#` comments are skipped.
 * @returns process type -> command, in the file's order
 * @throws SourceError at the line that is not one
 */
export function parseProcfile(text: string, file = 'Procfile'): Record<string, string> {
  const types = new Map<string, string>()
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = index + 1
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) continue
    const bad = (column: number, message: string, hint = form): SourceError =>
      new SourceError({ file, line, column }, message, hint)
    if (raw.includes('\0'))
      throw text.startsWith('\uFFFD\uFFFD')
        ? bad(1, 'this is UTF-16, as Windows PowerShell writes it', 'save it as UTF-8')
        : bad(raw.indexOf('\0') + 1, 'a NUL byte: this is not a text file')
    const colon = raw.indexOf(':')
    if (colon === -1) throw bad(1, `"${shown(raw)}" is not a process: no colon`)
    const name = raw.slice(0, colon).trim()
    if (!processType.test(name)) throw bad(1, `"${shown(name)}" cannot be the name of a process type`)
    const command = raw.slice(colon + 1).trim()
    if (command === '') throw bad(colon + 2, `process type "${name}" has no command`)
    if (isOfWindows(command))
      throw bad(
        raw.indexOf(command, colon) + 1,
        `\`${shown(command)}\` is for Windows`,
        `processes run on Linux, by /bin/sh: ${name}: node server.js, with $PORT for %PORT%`,
      )
    if (types.has(name)) throw bad(1, `process type "${name}" is here twice`)
    types.set(name, command)
  }
  if (types.size === 0)
    throw new SourceError(
      { file, line: 1, column: 1 },
      'no process type in it',
      'write a line such as `web: node server.js`',
    )
  return Object.fromEntries(types)
}

/** What an app's Procfile says; nothing where there is none. @throws SourceError as `parseProcfile` */
export function declaredTypes(tree: Tree): Record<string, string> {
  const text = tree.read('Procfile')
  return text === null ? {} : parseProcfile(text)
}

/**
 * Whether a Procfile says what runs: then nothing is added to it, and without a `web` line there is no web. One with a
 * `release` line alone does not.
 */
export const saysWhatRuns = (declared: Readonly<Record<string, string>>): boolean =>
  Object.keys(declared).some((type) => type !== 'release')

const shown = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/\p{Cc}/gu, '?')
