import { is, messageOf } from '../errors.js'
import type { ExecCommand } from '../engine-client/exec.js'
import { deadline } from '../lib/deadline.js'
import { harmless } from '../lib/terminal.js'
import { rangesOf } from '../store/checks.js'
import type { AppEngine } from './app-engine.js'
import { ask, connectTo, Unanswered, Unheard, type CheckAnswer } from './check.js'
import type { Check } from './checks.js'

/** The process that is asked. */
export interface CheckTarget {
  /** Container id. */
  readonly id: string
  /** On its app's network; '' has none. */
  readonly address: string
  readonly hostname: string
}

/** What came of one try. */
export interface CheckOutcome {
  readonly passed: boolean
  /** In words that go on after what was asked. */
  readonly said: string
  /** Nobody listens there. */
  readonly unheard?: true
  /** It took all the time that it had. */
  readonly late?: true
  /** What it answered, if it came to that. */
  readonly answer?: CheckAnswer
}

/** Characters of what a failed command wrote that are shown. */
const shown = 160

/** So many are kept in mind of the containers' commands that linger. */
const most = 1_000

/** The containers' commands that were not over in time: another is not started beside one. */
const lingering = new WeakMap<AppEngine, Map<string, ExecCommand>>()

/**
 * Does a check once. Rejects with the signal's reason, or when the engine that runs a command is away.
 * @param engine runs what is a command
 */
export async function perform(
  check: Check,
  target: CheckTarget,
  engine: AppEngine,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  try {
    switch (check.strategy) {
      case 'path':
        return await asked(check, target, signal)
      case 'listening':
        return await listens(check, target, signal)
      case 'command':
        return await ran(check, target, engine, signal)
      case 'uptime':
        return await lived(check, target, engine)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (is(error, 'unavailable')) throw error
    if (error instanceof Unheard) return { passed: false, said: error.message, unheard: true }
    if (error instanceof Unanswered) return { passed: false, said: error.message, late: true }
    return { passed: false, said: `no answer: ${harmless(messageOf(error)).slice(0, shown)}` }
  }
}

async function asked(check: Check, { address, hostname }: CheckTarget, signal: AbortSignal): Promise<CheckOutcome> {
  // without an address there is nobody to ask but ourselves
  if (address === '') throw new Unheard('it is on no network')
  const { path, scheme, port, headers, content, status } = check
  const ranges = rangesOf(status)
  const passes = (code: number): boolean => ranges.some(([from, to]) => code >= from && code <= to)
  const question = { host: address, hostname, path, scheme, port, headers, content, timeout: check.timeout * 1000 }
  const answer = await ask({ ...question, passes }, signal)
  const words = `status ${answer.status}`
  const excerpt = answer.excerpt === '' ? '' : `: ${answer.excerpt}`
  if (!passes(answer.status)) return { passed: false, said: `${words}, and ${status} passes${excerpt}`, answer }
  if (answer.found) return { passed: true, said: words, answer }
  return { passed: false, said: `${words}, without "${content.slice(0, 80)}" in its body${excerpt}`, answer }
}

async function listens({ port, timeout }: Check, { address }: CheckTarget, signal: AbortSignal): Promise<CheckOutcome> {
  if (address === '') throw new Unheard('it is on no network')
  using patience = deadline(timeout * 1000, signal)
  const socket = await connectTo(address, port, patience.signal)
  socket.destroy()
  return { passed: true, said: 'it listens' }
}

async function ran(check: Check, { id }: CheckTarget, engine: AppEngine, signal: AbortSignal): Promise<CheckOutcome> {
  const mine = lingering.get(engine) ?? new Map<string, ExecCommand>()
  lingering.set(engine, mine)
  const key = `${id} ${check.command.join('\0')}`
  const late = { passed: false, said: `not over within ${check.timeout} s`, late: true } as const
  if (await mine.get(key)?.runs()) return { ...late, said: `${late.said}, and still at it` }
  mine.delete(key)
  const [line = '', ...more] = check.command
  const words = more.length === 0 && /[\s;&|<>$"'`*?]/.test(line) ? ['/bin/sh', '-c', line] : check.command
  using patience = deadline(check.timeout * 1000, signal)
  const command = await engine.exec(id, words)
  try {
    const { code, output } = await command.end(patience.signal)
    if (code === 0) return { passed: true, said: 'exit code 0' }
    const [first = ''] = harmless(output.trim()).split('\n')
    return { passed: false, said: `exit code ${code}${first === '' ? '' : `: ${first.slice(0, shown)}`}` }
  } catch (error) {
    signal.throwIfAborted()
    if (!patience.signal.aborted) throw error
    // containers end without a word to us: the oldest is forgotten
    const [oldest] = mine.size > most ? mine.keys() : []
    if (oldest !== undefined) mine.delete(oldest)
    mine.set(key, command)
    return late
  }
}

async function lived({ uptime }: Check, { id }: CheckTarget, engine: AppEngine): Promise<CheckOutcome> {
  const started = Date.parse((await engine.startedAt(id)) ?? '')
  const lived = Math.floor((Date.now() - started) / 1000)
  if (Number.isNaN(started)) return { passed: false, said: 'it does not run' }
  return { passed: lived >= uptime, said: `it has run for ${lived} s` }
}
