import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { credentialsDir } from '../credentials.js'

// `berth logs | head` is not a failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const args = process.argv.slice(2)
process.exitCode = args.join(' ') === 'serve' ? await serveLean() : await runAny()

async function runAny(): Promise<number> {
  // what was compiled once, by this person, is not compiled again: a quarter of the time that a short command takes
  enableCompileCache(join(credentialsDir(), 'compiled'))
  const { runCommandLine } = await import('./program.js')
  return runCommandLine(args)
}

/** The same for `berth serve`, which stays for as long as Berth runs, without the 2 MiB of a library that reads a command line. */
async function serveLean(): Promise<number> {
  try {
    const { serve } = await import('../serve/commands.js')
    await serve()
    return 0
  } catch (error) {
    const { exitCodeOf, formatFailure } = await import('./failure.js')
    process.stderr.write(formatFailure(error))
    return exitCodeOf(error)
  }
}
