import type { Command } from 'commander'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { runHere } from './run-here.js'
import { openApp, withApp, type AppOptions } from './session.js'

interface RunFlags extends AppOptions {
  readonly interactive?: boolean
  /** Given as `-t` or `--no-tty`; absent is decided by looking. */
  readonly tty?: boolean
}

/**
 * Takes a trailing `-a APP` as ours, as Heroku does, unless the app was given before or the words follow a `--`: nothing
 * else behind the command's name is.
 */
export function splitTrailingApp(words: readonly string[]): { command: string[]; app?: string } {
  const [flag, app] = words.slice(-2)
  if (words.length > 2 && (flag === '-a' || flag === '--app') && app !== undefined && /^[a-z][a-z0-9-]*$/.test(app))
    return { command: words.slice(0, -2), app }
  return { command: [...words] }
}

export function registerRun(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'run',
      summary: 'run a one-off process with the code and config vars of the current release',
      group: 'Processes',
      examples: ['run -a blog -- node migrate.js', 'run -it bash -a blog', "run 'ls -l | wc -l'"],
    }),
  )
    .argument('<command...>', 'one word is run by sh -c, several are run as they are')
    .option('-i, --interactive', 'accepted for compatibility; standard input is always passed on')
    .option('-t, --tty', 'with a terminal; the default if you are on one')
    .option('--no-tty', 'without a terminal')
    .passThroughOptions()
    .action(async (words: string[], options: RunFlags) => {
      const afterDashes = process.argv.includes('--')
      const { command, app } =
        options.app !== undefined || afterDashes ? { command: words, app: options.app } : splitTrailingApp(words)
      const session = await openApp(app === undefined ? {} : { app })
      const terminal = process.stdin.isTTY && process.stdout.isTTY
      if (options.tty === true && !process.stdin.isTTY)
        throw new UsageError('standard input is not a terminal', 'leave out -t')
      const path = `apps/${encodeURIComponent(session.app)}/run`
      process.stderr.write(`Running ${command.join(' ').slice(0, 200)} on ${session.app}... `)
      process.exitCode = await runHere(session, path, command, options.tty ?? terminal)
    })
}
