import { Command, type Argument } from 'commander'
import { version } from '../version.js'
import { exitCodeOf, formatFailure } from './failure.js'
import { explainToken } from './session.js'
import { topics } from './topics.js'

const overview = `
Start here:
  $ berth apps:create blog     inside a git repository
  $ git push berth main
  $ berth logs -t

\`berth help COMMAND\` says more of each, with an example.`

const versionFlags = ['-v', '--version']

const placeholder = (argument: Argument): string => {
  const name = argument.name() + (argument.variadic ? '...' : '')
  return argument.required ? `<${name}>` : `[${name}]`
}

/** The command line with the topic of `args`, or with every one when it has none we know. */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('berth')
    .description('Berth runs your apps on a server you own.')
    .version(version, versionFlags.join(', '), 'print the version')
    .usage('COMMAND [options]')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(placeholder)].join(' '),
    })
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', overview)
  const wanted = (args[0] === 'help' ? args[1] : args[0])?.split(':')[0] ?? ''
  const only = Object.hasOwn(topics, wanted) ? topics[wanted] : undefined
  const none = args.length === 1 && versionFlags.includes(args[0] ?? '')
  const load = none ? [] : only === undefined ? Object.values(topics) : [only]
  const registers = new Set(await Promise.all(load.map((topic) => topic())))
  program.commandsGroup('Berth itself, on this machine:')
  for (const register of registers) register(program)
  return program
}

const isNamed = (command: Command, name: string): boolean => command.name() === name || command.aliases().includes(name)

/** Runs one command to its end, and says what went wrong. @returns the exit code */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let program: Command | undefined
  try {
    program = await createProgram(args)
    const [first, about] = args
    if (args.length === 0) program.outputHelp()
    else if (first === 'help' && about !== undefined && !program.commands.some((one) => isNamed(one, about)))
      await program.parseAsync([about], { from: 'user' }) // says that there is none, and which it might be
    else await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0) // a one-off's is its own
  } catch (thrown) {
    const error = explainToken(thrown)
    process.stderr.write(formatFailure(error, program, args[0] === 'help' ? args.slice(1) : args))
    return exitCodeOf(error)
  }
}
