/** A command of a shell line: the program, and its arguments. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** Longer than any line that somebody wrote. */
const longest = 4_000
/** What runs what follows it, and is taken off: with variables (`cross-env A=b`), or as a finder of programs (`npx`). */
const wrappers = new Set(['cross-env', 'cross-env-shell', 'env', 'npx', 'bunx', 'exec', 'command', 'time', 'dotenvx'])
const assignment = /^[A-Za-z_]\w*=/
const managers = new Set(['npm', 'yarn', 'pnpm', 'bun'])
/** Commands of package managers that are no scripts, of those that take a script without `run`. */
const ownWords = new Set([
  'install',
  'add',
  'ci',
  'exec',
  'dlx',
  'x',
  'node',
  'prune',
  'workspace',
  'workspaces',
  'rebuild',
])

/** The commands of a line, in order: without variables before them, and without what only finds or wraps them. */
export function commandsOf(line: string): Command[] {
  return line
    .slice(0, longest)
    .split(/&&|\|\||[;|&\n]/)
    .flatMap((part) => {
      const words = wordsOf(part)
      const at = beginning(words)
      const program = words[at]
      return program === undefined ? [] : [{ program, args: words.slice(at + 1) }]
    })
}

/** The words of a line, quotes taken off. */
const wordsOf = (text: string): string[] =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)].map(([all, double, single]) => double ?? single ?? all)

/** Where the program stands. */
function beginning(words: readonly string[]): number {
  let at = 0
  for (;;) {
    const word = words[at]
    if (word === undefined) return at
    const runner = word === 'pnpm' || word === 'yarn' || word === 'npm' || word === 'bun'
    if (assignment.test(word) || wrappers.has(word)) at += 1
    else if (at > 0 && wrappers.has(words[at - 1] ?? '') && word.startsWith('-')) at += 1
    else if (runner && ['exec', 'x', 'dlx', 'node'].includes(words[at + 1] ?? ''))
      at += words[at + 1] === 'node' ? 1 : 2
    else if (word === 'dotenv' && words.includes('--', at)) at = words.indexOf('--', at) + 1
    else if (word === '--') at += 1
    else return at
  }
}

/** The commands that a line comes down to: where it runs scripts of the package, theirs. */
export function resolved(line: string, scripts: Readonly<Record<string, string>>, depth = 5): Command[] {
  return commandsOf(line).flatMap((command) => {
    const names = scriptsOf(command).filter((name) => Object.hasOwn(scripts, name))
    if (names.length === 0 || depth === 0) return [command]
    return names.flatMap((name) => resolved(scripts[name] ?? '', scripts, depth - 1))
  })
}

/** The scripts that a command runs: of `npm run x`, `yarn x`, `run-p x y`, `concurrently "npm:x"`. */
function scriptsOf({ program, args }: Command): string[] {
  const words = args.filter((arg) => !arg.startsWith('-'))
  if (managers.has(program)) {
    const [first = '', second = ''] = words
    if (first === 'run' || first === 'run-script') return [second]
    if (program === 'npm') return ['start', 'stop', 'test'].includes(first) ? [first] : []
    return ownWords.has(first) ? [] : [first]
  }
  if (['run-s', 'run-p', 'npm-run-all', 'npm-run-all2'].includes(program)) return words
  if (program === 'concurrently')
    return words.flatMap((word) => (word.startsWith('npm:') ? [word.slice(4)] : commandsOf(word).flatMap(scriptsOf)))
  return []
}
