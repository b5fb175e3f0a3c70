import { shown, type Field } from './field.js'
import { secondsOf } from './units.js'

/** A healthcheck, as Berth does it: of a process that starts, or of one that runs. */
export interface ComposeCheck {
  readonly file: 'compose'
  readonly phase: 'startup' | 'liveness'
  readonly command: string[]
  /** These in seconds. */
  readonly timeout: number
  readonly wait: number
  readonly initialDelay?: number
  readonly attempts: number
}

const keys = ['test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval', 'disable']
/** As Berth's checks are bounded: tries, seconds of one, of the pause after it, and of all together. */
const [mostTries, longestTry, longest] = [60, 60, 900]

/**
 * What a service's healthcheck is here: it passes before whoever depends on the service starts, and one that fails it later is
 * replaced. Docker asks first after an interval, Berth at once and more often, for as long as Docker would have.
 */
export function healthCheckOf(service: Field): ComposeCheck[] {
  const check = service.get('healthcheck')
  if (check === undefined || check.isNone) return []
  for (const [key, at] of check.entries())
    if (!keys.includes(key) && !key.startsWith('x-')) at.refuse('is not known', `there are ${keys.join(', ')}`)
  const test = check.get('test')
  if (check.get('disable')?.flag()) return []
  if (test === undefined || test.isNone) {
    check.refuse('has no test', 'write test: ["CMD", "program", "argument"]')
    return []
  }
  const command = commandOf(test)
  if (command === null) return []
  const seconds = (name: string, usual: number): number => durationOf(check.get(name), usual)
  const retries = check.get('retries')?.number(1, 1000) ?? 3
  const [interval, timeout] = [seconds('interval', 30), within(seconds('timeout', 30), 1, longestTry)]
  const period = seconds('start_period', 0)
  const patience = Math.min(period + retries * interval, longest)
  const startup = within(Math.max(1, patience / mostTries), 1, longestTry)
  const pause = within(interval, 1, longestTry)
  return [
    {
      file: 'compose',
      phase: 'startup',
      command,
      timeout,
      wait: startup,
      attempts: tries(patience / startup, timeout + startup, longest),
    },
    {
      ...{ file: 'compose', phase: 'liveness', command, timeout, wait: pause },
      ...(period < 1 ? {} : { initialDelay: within(period, 0, 300) }),
      attempts: tries(retries, timeout + pause, longest - within(period, 0, 300)),
    },
  ]
}

const within = (value: number, least: number, most: number): number => Math.ceil(Math.min(Math.max(value, least), most))

const tries = (wanted: number, each: number, all: number): number =>
  Math.max(1, Math.floor(Math.min(wanted, mostTries, all / each)))

function durationOf(field: Field | undefined, usual: number): number {
  if (field === undefined || field.isNone) return usual
  const seconds = secondsOf(field.text())
  if (seconds !== null) return seconds
  field.refuse(`is ${shown(field.text())}, which is no duration`, 'write it as 1m30s')
  return usual
}

/** null for NONE, and for what was refused. */
function commandOf(test: Field): string[] | null {
  if (test.value.kind === 'scalar') return test.text().trim().toUpperCase() === 'NONE' ? null : shell(test.text())
  const [kind = '', ...words] = test.items().map((one) => one.text())
  if (kind === 'NONE') return null
  if (kind === 'CMD-SHELL' && words.length > 0) return shell(words.join(' '))
  if (kind === 'CMD' && words.length > 0) return words
  test.refuse('does not begin with CMD, CMD-SHELL or NONE', 'write test: ["CMD", "program", "argument"]')
  return null
}

const shell = (line: string): string[] => ['/bin/sh', '-c', line]
