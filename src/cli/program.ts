import { Command, type Argument } from 'commander'
import { version } from '../version.js'
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
