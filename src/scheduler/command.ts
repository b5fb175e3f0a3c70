import { builtins, shellEntrypoint } from '../lib/shell-line.js'

/** What an image runs of its own. */
export interface ImageCommand {
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
}

const noCommand: ImageCommand = { entrypoint: [], cmd: [] }

/** A Procfile line that is a list, `["/app","serve"]`: its words; null when it is none. */
function listOf(line: string): string[] | null {
  if (!line.trimStart().startsWith('[')) return null
  try {
    const list = JSON.parse(line) as unknown
    return Array.isArray(list) && list.length > 0 && list.every((word) => typeof word === 'string') ? list : null
  } catch {
    return null // `[ -f x ] && y` is a line for the shell
  }
}

/** Words that mean to a shell what they say. */
const plain = /^[\w@%+:,./=-]+(?: +[\w@%+:,./=-]+)*$/

/**
 * The program of a process type and its arguments; empty when neither says any. A line goes to `/bin/sh -c`; a list is run
 * as it is, without a shell. An image's ENTRYPOINT stands before a line, as on Heroku's container stack: in place of
 * `/bin/sh -c` when it is a shell itself (`["/bin/bash", "-c"]`), else the line's words are its arguments, by way of
 * a shell where the line wants one. Null is the image's own command.
 */
export function processWords(command: string | null, { entrypoint, cmd }: ImageCommand): string[] {
  if (command === null) return [...entrypoint, ...cmd]
  const list = listOf(command)
  if (list) return list
  if (entrypoint.length === 0) return shellEntrypoint(command)
  const line = command.trim()
  if (entrypoint.at(-1) === '-c') return [...entrypoint, line]
  const words = line.split(/ +/)
  const simple = plain.test(line) && !/^\w+=/.test(words[0] ?? '') && !builtins.has(words[0] ?? '')
  return [...entrypoint, ...(simple ? words : ['/bin/sh', '-c', line])]
}

/** What an ENTRYPOINT begins with that buildpacks of Heroku's kind leave: all it does is to set the environment up. */
const setsUp = /^\/(?:[\w.-]+\/)*with-profile$/

/**
 * The words of a one-off: one is a line for a shell unless it is the path of a program, several are run as they are. The
 * image's ENTRYPOINT is left out, unless it only sets the environment up.
 */
export function oneOffWords(command: readonly string[], { entrypoint } = noCommand): string[] {
  const [only = ''] = command
  const words = command.length > 1 || /^\/[\w./-]+$/.test(only) ? [...command] : (listOf(only) ?? shellEntrypoint(only))
  const [first = ''] = entrypoint
  return setsUp.test(first) ? [first, ...words] : words
}
