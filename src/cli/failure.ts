import { CommanderError } from 'commander'
import { BerthError, messageOf } from '../errors.js'
import { harmless } from '../terminal.js'

/** The command line itself is wrong: exit code 2. */
export class UsageError extends BerthError {
  constructor(message: string, hint?: string) {
    super('invalid', message, hint)
  }
}

/** Exit codes: 0 well, 1 it failed, 2 the command line is wrong. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return error instanceof UsageError ? 2 : 1
}

const red = (text: string): string =>
  process.stderr.isTTY && process.env.NO_COLOR === undefined ? `\u001b[31m${text}\u001b[39m` : text

const bar = (line: string): string => ` ${red('▸')}    ${harmless(line)}\n`

/** What went wrong, and on a line of its own what to type next. */
export function formatFailure(error: unknown): string {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ''
    const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
    const hint = rest.length > 0 ? rest.join(' ').replace(/^\(|\)$/g, '') : 'see `berth help`'
    return bar(first) + bar(hint)
  }
  if (error instanceof BerthError)
    return error.message.split('\n').map(bar).join('') + (error.hint === undefined ? '' : bar(error.hint))
  const trace = process.env.BERTH_DEBUG === undefined ? '' : `${(error as Error).stack ?? ''}\n`
  return bar(`berth failed: ${messageOf(error)}`) + bar('set BERTH_DEBUG=1 to see where') + trace
}
