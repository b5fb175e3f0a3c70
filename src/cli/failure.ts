import { CommanderError, type Command } from 'commander'
import { BerthError, messageOf, seeContract } from '../errors.js'
import { harmless } from '../lib/terminal.js'

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

/** What commander suggests, without its parentheses. */
const hintOf = (suggestion: string | undefined): string | undefined => suggestion?.replace(/^\(|\)$/g, '')

const helpOf = (name: string): string => `run \`berth help${name === '' ? '' : ` ${name}`}\` to see what it takes`

/** A mistake in the command line, in words and with what to type instead. */
function usageOf(
  error: CommanderError,
  commands: readonly Command[],
  args: readonly string[],
): [message: string, hint: string] {
  const [name = '', ...words] = args
  const command = commands.find((one) => one.name() === name || one.aliases().includes(name))
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  if (command === undefined) return [message, hintOf(suggestion) ?? 'run `berth help` to see every command']
  const help = hintOf(suggestion) ?? helpOf(name)
  if (error.code !== 'commander.excessArguments') return [message, help]
  const sub = commands.find((one) => one.name() === `${name}:${words[0] ?? ''}`)
  if (sub !== undefined) return [`there is no command "${name} ${words[0] ?? ''}"`, `write it as berth ${sub.name()}`]
  const extra = command.args[command.registeredArguments.length] ?? ''
  const takesApp =
    /^[a-z][a-z0-9-]*$/.test(extra) &&
    command.options.some((option) => option.long === '--app' && command.getOptionValue('app') === undefined)
  const said = command.registeredArguments.length === 0 ? `no argument` : `no further argument`
  return [
    `${name} takes ${said} "${extra.slice(0, 80)}"`,
    takesApp ? `the app is an option: -a ${extra.slice(0, 80)}` : help,
  ]
}

/** What went wrong, and on a line of its own what to type next. */
export function formatFailure(error: unknown, program?: Command, args: readonly string[] = []): string {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ''
    return usageOf(error, program?.commands ?? [], args)
      .map(bar)
      .join('')
  }
  if (error instanceof BerthError) {
    const hint =
      error.hint === seeContract
        ? helpOf(args.find((arg) => program?.commands.some((one) => one.name() === arg)) ?? '')
        : error.hint
    return error.message.split('\n').map(bar).join('') + (hint === undefined ? '' : bar(hint))
  }
  const trace = process.env.BERTH_DEBUG === undefined ? '' : `${(error as Error).stack ?? ''}\n`
  return bar(`berth failed: ${messageOf(error)}`) + bar('set BERTH_DEBUG=1 to see where') + trace
}
