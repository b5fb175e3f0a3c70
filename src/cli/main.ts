import { exitCodeOf, formatFailure } from './failure.js'
import { createProgram } from './program.js'

// `berth logs | head` is not a failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const args = process.argv.slice(2)
try {
  const program = await createProgram(args)
  if (args.length === 0) program.outputHelp()
  else await program.parseAsync(args, { from: 'user' })
} catch (error) {
  process.stderr.write(formatFailure(error))
  process.exitCode = exitCodeOf(error)
}
