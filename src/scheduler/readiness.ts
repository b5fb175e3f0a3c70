import type { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { BerthError } from '../errors.js'
import { networkOf } from './desired.js'
import { ask, Unheard, type CheckAnswer } from './check.js'
import { explainCheck, explainEnd, explainSilence, tellTail, type DiagnosisSubject } from './diagnosis.js'
import type { AppEngine } from './app-engine.js'
import type { Timeouts } from './limits.js'
import { listenersOf } from './sockets.js'

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
  readonly late: AbortSignal
}

/** Milliseconds between knocks at a port where nothing listens: no event tells, so knock often at first, then less. */
const paces = (waited: number): number => (waited < 1_000 ? 4 : waited < 2_000 ? 8 : waited < 10_000 ? 50 : 250)

/** Milliseconds between looks at what listens where; the kernel goes through all its connections for each, 4 ms. */
const lookMs = 250

/**
 * Resolves when a starting process does its work: a `web` process listens on its port and answers its check; any other has
 * lived for a moment.
 * @throws BerthError `invalid` that says in words why it does not; the signal's reason when aborted
 */
export async function ready(starting: StartingProcess, deps: ReadinessDeps, signal: AbortSignal): Promise<void> {
  const death = new AbortController()
  const hear = () => death.abort()
  deps.deaths.once(starting.id, hear)
  try {
    const ms = starting.type === 'web' ? deps.limits.start : deps.limits.settle
    const wait: WaitSignals = { aborted: signal, died: death.signal, late: AbortSignal.timeout(ms) }
    if (starting.type === 'web') await answers(starting, deps, wait)
    else await lives(starting, deps, wait)
  } finally {
    deps.deaths.off(starting.id, hear)
  }
}

async function lives(starting: StartingProcess, deps: ReadinessDeps, wait: WaitSignals): Promise<void> {
  await alive(starting, deps)
  while (!wait.late.aborted) await pause(deps.limits.settle, wait, starting, deps)
  await alive(starting, deps)
}

async function answers(starting: StartingProcess, deps: ReadinessDeps, wait: WaitSignals): Promise<void> {
  const { process, port, hostname } = starting
  const place = await alive(starting, deps)
  const silence = new Silence(starting, deps, place)
  let last: CheckAnswer | null = null
  for (let gap = 20; !wait.late.aborted;) {
    const stop = AbortSignal.any([wait.aborted, wait.died, wait.late])
    // without an address there is nobody to ask but ourselves
    const asked = place.address === '' ? Promise.reject(new Unheard()) : ask(place.address, port, hostname, stop)
    const answer = await asked.catch((error: unknown) => (error instanceof Unheard ? 'unheard' : 'hung up'))
    if (answer === 'unheard' && !silence.isOver) {
      await pause(await silence.look(), wait, starting, deps)
      continue
    }
    silence.isOver = true
    if (typeof answer === 'object') {
      if (answer.status < 500) return
      last = answer
    }
    // perhaps it died, and the engine was not there to tell
    else await alive(starting, deps)
    await pause(gap, wait, starting, deps)
    gap = Math.min(gap * 2, 1_000)
  }
  if (!silence.isOver) throw await silence.explain()
  // what it answers is rarely why: production answers with a blank page
  if (last !== null) await tellTail(deps.engine, process, starting.id, deps.log)
  throw explainCheck(process, deps.limits.start / 1000, last)
}

/** While a process that has started does not listen where requests reach it: why that may be. */
class Silence {
  /** It listens. */
  isOver = false
  readonly #starting: StartingProcess
  readonly #deps: ReadinessDeps
  readonly #place: { readonly pid: number; readonly address: string }
  readonly #began = Date.now()
  #looked = Date.now()
  #loopbackSince = 0
  #told = false

  constructor(
    starting: StartingProcess,
    deps: ReadinessDeps,
    place: { readonly pid: number; readonly address: string },
  ) {
    this.#starting = starting
    this.#deps = deps
    this.#place = place
  }

  /** Looks, now and then, at what listens instead. @returns milliseconds until the next knock */
  async look(): Promise<number> {
    const { process, port } = this.#starting
    const waited = Date.now() - this.#began
    if (Date.now() - this.#looked < lookMs) return paces(waited)
    const heard = await listenersOf(this.#place.pid, this.#place.address)
    this.#looked = Date.now()
    if (heard === null) {
      // not to be seen from here: it died (alive says so), or the engine is on another machine
      await alive(this.#starting, this.#deps)
      return paces(waited)
    }
    const own = heard.filter((one) => one.port === port)
    if (own.some((one) => !one.loopback)) this.isOver = true
    else if (own.length === 0) this.#loopbackSince = 0
    else if (this.#loopbackSince === 0) this.#loopbackSince = Date.now()
    else if (Date.now() - this.#loopbackSince > this.#deps.limits.loopback) throw await this.explain()
    const other = heard.find((one) => !one.loopback)
    if (!this.#told && waited > 5_000 && other) {
      this.#told = true
      this.#deps.log(`${process} listens on port ${other.port}; waiting for it to listen on port ${port}`)
    }
    return paces(waited)
  }

  async explain(): Promise<BerthError> {
    const { process, port, id } = this.#starting
    const { engine, limits, log } = this.#deps
    const heard = await listenersOf(this.#place.pid, this.#place.address)
    if (!heard || heard.length === 0) await tellTail(engine, process, id, log)
    return explainSilence(process, port, limits.start / 1000, heard)
  }
}

/** Waits; ends early, by throwing, when the caller gives up or the starting process dies. */
async function pause(ms: number, wait: WaitSignals, starting: StartingProcess, deps: ReadinessDeps): Promise<void> {
  const stop = AbortSignal.any([wait.aborted, wait.died, wait.late])
  await delay(ms, undefined, { signal: stop }).catch(() => undefined)
  wait.aborted.throwIfAborted()
  if (wait.died.aborted) await alive(starting, deps)
}

/** Where a running container is. @throws BerthError that says how it ended, when it does not run */
async function alive(starting: StartingProcess, deps: ReadinessDeps): Promise<{ pid: number; address: string }> {
  const info = await deps.engine.inspect(starting.id)
  if (!info?.State.Running) throw await explainEnd(deps.engine, starting, info, deps.log)
  const address = info.NetworkSettings.Networks[networkOf(starting.app)]?.IPAddress ?? ''
  return { pid: info.State.Pid, address }
}
