const builtins = new Set(
  '. : [ alias bg break case cd command continue do done elif else esac eval exec exit export fc fg fi for function getopts hash if jobs let local read readonly return select set shift shopt source test then time times trap type ulimit umask unalias unset until wait while { ! [['.split(
    ' ',
  ),
)

/**
 * The entrypoint that runs a Procfile line. `exec` makes the app itself the process that gets SIGTERM, which a shell
 * would keep to itself; it is left out where it would change the meaning (lists, pipes, assignments, built-ins).
 */
export function shellEntrypoint(line: string): string[] {
  const command = line.trim()
  const first = /^\S*/.exec(command)?.[0] ?? ''
  const simple = first !== '' && !/[;&|\n(){}`]/.test(command) && !/^\w+=/.test(first) && !builtins.has(first)
  return ['/bin/sh', '-c', simple ? `exec ${command}` : command]
}
