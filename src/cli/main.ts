import type { Command } from 'commander'
import { exitCodeOf, formatFailure } from './failure.js'
import { createProgram } from './program.js'
import { explainToken } from './session.js'

// `berth logs | head` is not a failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const isNamed = (command: Command, name: string): boolean => command.name() === name || command.aliases().includes(name)

const args = process.argv.slice(2)
let program: Command | undefined
try {
  program = await createProgram(args)
  const [first, about] = args
  if (args.length === 0) program.outputHelp()
  else if (first === 'help' && about !== undefined && !program.commands.some((one) => isNamed(one, about)))
    await program.parseAsync([about], { from: 'user' }) // says that there is none, and which it might be
  else await program.parseAsync(args, { from: 'user' })
} catch (thrown) {
  const error = explainToken(thrown)
  process.stderr.write(formatFailure(error, program, args[0] === 'help' ? args.slice(1) : args))
  process.exitCode = exitCodeOf(error)
}
