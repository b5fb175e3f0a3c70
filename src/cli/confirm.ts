import { BerthError } from '../errors.js'
import { UsageError } from './failure.js'
import { say } from './output.js'

/**
 * The name of what is to be destroyed, asked for on a terminal unless given.
 * @param warning what is lost, in a sentence @param doing what is to be confirmed
 * @throws UsageError where nobody can be asked; BerthError `invalid` of who leaves
 */
export async function confirmByName(
  name: string,
  warning: string,
  given: string | undefined,
  doing = 'destroying',
): Promise<string> {
  if (given !== undefined) return given
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError(`${doing} ${name} must be confirmed`, `repeat its name: --confirm ${name}`)
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const left = new AbortController()
  terminal.once('SIGINT', () => left.abort()).once('close', () => left.abort()) // Ctrl-C, Ctrl-D
  try {
    say(warning)
    return await terminal.question(`Type ${name} to go on: `, { signal: left.signal })
  } catch (cause) {
    if (!left.signal.aborted) throw cause
    say('')
    throw new BerthError('invalid', 'nothing was destroyed')
  } finally {
    terminal.close()
  }
}
