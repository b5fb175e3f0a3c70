import type { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { BerthError } from '../errors.js'
import { longestOf } from '../store/checks.js'
import { addressIn, type AppEngine } from './app-engine.js'
import { connectTo } from './check.js'
import { listeningOn, type Check, type TypeChecks } from './checks.js'
import {
  explainCheck,
  explainDefault,
  explainEnd,
  explainUnheard,
  tellTail,
  type DiagnosisSubject,
} from './diagnosis.js'
import type { Timeouts } from './limits.js'
import { perform, type CheckOutcome } from './perform.js'
import { Silence, type ProcessPlace } from './silence.js'

/** A container that has been started and should come up. */
export interface StartingProcess {
  readonly id: string
  readonly process: string
  readonly type: string
  /** App id. */
  readonly app: string
  readonly command?: DiagnosisSubject['command']
  readonly origin?: DiagnosisSubject['origin']
  readonly port: number
  /** The app's own hostname, for its check. */
  readonly hostname: string
  readonly checks: TypeChecks
}

/** What waiting for a starting process needs. `deaths` emits the id of each container that died, as the engine tells it. */
export interface ReadinessDeps {
  readonly engine: AppEngine
  readonly limits: Timeouts
  readonly deaths: EventEmitter
  readonly log: (line: string) => void
}

/** How the wait ends early: by the caller, by the clock, or by a death. */
interface WaitSignals {
  readonly aborted: AbortSignal
  readonly died: AbortSignal
  readonly late?: AbortSignal
}

type TimedSignals = Required<WaitSignals>

/** Milliseconds after which a `web` process that nobody checks is taken as up, whether it listens or not. */
const uncheckedMs = 10_000

/**
 * Resolves when a starting process does its work: it has passed its startup checks. A `web` process listens on its port, too;
 * any that has no checks has lived for a moment.
 * @throws BerthError `invalid` that says in words why it does not; the signal's reason when aborted
 */
export async function ready(starting: StartingProcess, deps: ReadinessDeps, signal: AbortSignal): Promise<void> {
  const death = new AbortController()
  const hear = () => death.abort()
  const over = new AbortController()
  const signals = { aborted: AbortSignal.any([signal, over.signal]), died: death.signal }
  let failure: { readonly error: unknown } | undefined
  const part = async (task: Promise<void>): Promise<void> => {
    try {
      await task
    } catch (error) {
      failure ??= { error }
      over.abort(error)
    }
  }
  deps.deaths.once(starting.id, hear)
  try {
    // one that died may have no more than one end to tell
    await Promise.all(tasksOf(starting, new Life(starting, deps), signals).map(part))
  } finally {
    deps.deaths.off(starting.id, hear)
  }
  signal.throwIfAborted()
  if (failure) throw failure.error
}

function tasksOf(starting: StartingProcess, life: Life, signals: WaitSignals): Promise<void>[] {
  const { type, port, checks } = starting
  const { limits } = life.deps
  const wait = (ms: number): TimedSignals => ({ ...signals, late: AbortSignal.timeout(ms) })
  if (type === 'web' && checks.mode !== 'check') return [life.listensOrLives(wait(uncheckedMs))]
  if (checks.mode !== 'check' || checks.startup.length === 0) return [life.lives(wait(limits.settle))]
  const isHeard = checks.startup.some((one) => one.port === port && ['path', 'listening'].includes(one.strategy))
  const all = type === 'web' && !isHeard ? [listeningOn(port), ...checks.startup] : checks.startup
  const patience = Math.max(limits.start, ...all.filter((one) => !one.isDefault).map((one) => longestOf(one) * 1000))
  return all.map((check) =>
    check.strategy === 'uptime' ? life.lives(wait(check.uptime * 1000)) : life.passes(check, wait(patience), patience),
  )
}

/** The first moments of a process. */
class Life {
  readonly deps: ReadinessDeps
  readonly #starting: StartingProcess
  #end: Promise<BerthError> | undefined

  constructor(starting: StartingProcess, deps: ReadinessDeps) {
    this.#starting = starting
    this.deps = deps
  }

  async lives(wait: TimedSignals): Promise<void> {
    await this.alive()
    while (!wait.late.aborted) await this.pause(this.deps.limits.settle, wait)
    await this.alive()
  }

  async listensOrLives(wait: TimedSignals): Promise<void> {
    const { address } = await this.alive()
    while (address !== '' && !wait.late.aborted) {
      const socket = await connectTo(address, this.#starting.port, wait.late).catch(() => null)
      socket?.destroy()
      if (socket) return
      await this.pause(50, wait)
    }
    await this.lives(wait)
  }

  async passes(check: Check, wait: TimedSignals, patience: number): Promise<void> {
    const place = await this.alive()
    const { id, process } = this.#starting
    const { engine, limits, log } = this.deps
    const about = { id, process, place, port: check.port, patience, loopback: limits.loopback, engine, log }
    const silence = new Silence({ ...about, alive: () => this.alive() })
    // a command knows of no port
    if (check.strategy === 'command') silence.end()
    const tries = new Tries(check)
    // whoever listens has all its tries; nobody has said how many the default check has
    const { late, ...others } = wait
    const trying = check.isDefault ? wait : others
    let last: CheckOutcome | null = null
    await this.pause(check.initialDelay * 1000, others)
    while (tries.areLeft() && !(late.aborted && (check.isDefault || silence.lasts()))) {
      const outcome = await this.#try(check, place.address, trying)
      if (outcome.unheard && silence.lasts()) {
        last = outcome
        await this.pause(await silence.look(), wait)
        continue
      }
      silence.end()
      if (outcome.passed) return
      last = outcome
      // perhaps it died, and the engine was not there to tell
      if (!outcome.answer) await this.alive()
      tries.count(outcome)
      if (tries.areLeft()) await this.pause(tries.gap, trying)
    }
    if (silence.lasts() && check.port === this.#starting.port) throw await silence.explain()
    await this.#fail(check, last)
  }

  async #try(check: Check, address: string, wait: WaitSignals): Promise<CheckOutcome> {
    const { id, hostname } = this.#starting
    const stop = AbortSignal.any(Object.values(wait) as AbortSignal[])
    return perform(check, { id, address, hostname }, this.deps.engine, stop).catch((error: unknown) => {
      if (!stop.aborted) throw error
      return { passed: false, said: 'no answer' }
    })
  }

  async #fail(check: Check, last: CheckOutcome | null): Promise<void> {
    const { process, type, id } = this.#starting
    const { engine, limits, log } = this.deps
    const error =
      check.isDefault && check.strategy === 'listening'
        ? explainUnheard({ process, type }, check.port, limits.start / 1000)
        : check.isDefault
          ? explainDefault(process, limits.start / 1000, last?.answer)
          : explainCheck({ process, type }, check, last)
    if (check.warn) {
      log(`Warning: ${error.message}`)
      return
    }
    // what it answers is rarely why: production answers with a blank page
    if (last?.answer !== undefined || check.strategy === 'command') await tellTail(engine, process, id, log)
    throw error
  }

  /** Waits; ends early, by throwing, when the caller gives up or the starting process dies. */
  async pause(ms: number, wait: WaitSignals): Promise<void> {
    const stop = AbortSignal.any(Object.values(wait) as AbortSignal[])
    if (ms > 0) await delay(ms, undefined, { signal: stop }).catch(() => undefined)
    wait.aborted.throwIfAborted()
    if (wait.died.aborted) await this.alive()
  }

  /** Where the container is. @throws BerthError that says how it ended, when it does not run */
  async alive(): Promise<ProcessPlace> {
    const { engine, log } = this.deps
    const info = await engine.inspect(this.#starting.id)
    if (!info?.State.Running) throw await (this.#end ??= explainEnd(engine, this.#starting, info, log))
    return { pid: info.State.Pid, address: addressIn(info) }
  }
}

/** How often a check that fails is tried again. Tries between those that count cost nothing, and find out sooner. */
class Tries {
  /** Milliseconds to the next. */
  gap = 20
  readonly #check: Check
  #left: number
  #due = 0
  #quick = 20

  constructor(check: Check) {
    this.#check = check
    this.#left = check.isDefault ? Infinity : check.attempts
  }

  areLeft(): boolean {
    return this.#left > 0
  }

  count({ late }: CheckOutcome): void {
    const { wait, strategy } = this.#check
    const now = Date.now()
    if (late || now >= this.#due) {
      this.#left -= 1
      this.#due = now + wait * 1000
    }
    const rest = Math.max(this.#due - now, 20)
    // what a command does is its author's: it is run as often as was said
    this.gap = strategy === 'command' ? rest : Math.min(this.#quick, rest)
    this.#quick = Math.min(this.#quick * 2, 1_000)
  }
}
