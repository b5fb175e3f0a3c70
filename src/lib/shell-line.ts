/** What a shell runs itself. */
export const builtins = new Set(
  '. : [ alias bg break case cd command continue do done elif else esac eval exec exit export fc fg fi for function getopts hash if jobs let local read readonly return select set shift shopt source test then time times trap type ulimit umask unalias unset until wait while { ! [['.split(
    ' ',
  ),
)

/** Whether a line is one command, that `exec` may stand before. */
export function isOneCommand(line: string): boolean {
  const first = /^\S*/.exec(line)?.[0] ?? ''
  return first !== '' && !/[;&|\n(){}`]/.test(line) && !/^\w+=/.test(first) && !builtins.has(first)
}

/**
 * The words that run a Procfile line. `exec` lets the app take the shell's place, which saves a process; it is left out
 * where it would change the meaning (lists, pipes, assignments, built-ins).
 */
export function shellEntrypoint(line: string): string[] {
  const command = line.trim()
  return ['/bin/sh', '-c', isOneCommand(command) ? `exec ${command}` : command]
}
