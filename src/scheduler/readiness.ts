import type { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { networkOf } from './desired.js'
import { ask, type CheckAnswer } from './check.js'
import { explainCheck, explainEnd, explainSilence, tellTail, type DiagnosisSubject } from './diagnosis.js'
import type { AppEngine } from './app-engine.js'
import type { Timeouts } from './limits.js'
import { listenersOf, type ListeningSocket } from './sockets.js'

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

/** Milliseconds between looks at what listens: no event tells, so look often at first, then less. */
const paces = (waited: number): number => (waited < 2_000 ? 10 : waited < 10_000 ? 50 : 250)

const reaches = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const say = (heard: boolean) => {
      socket.destroy()
      resolve(heard)
    }
    socket
      .once('connect', () => say(true))
      .once('error', () => say(false))
      .once('timeout', () => say(false))
  })

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
  const address = await listens(starting, deps, wait)
  let last: CheckAnswer | null = null
  for (let gap = 20; !wait.late.aborted; gap = Math.min(gap * 2, 1_000)) {
    const stop = AbortSignal.any([wait.aborted, wait.died, wait.late])
    const answer = await ask(address, port, hostname, stop).catch(() => null)
    if (answer && answer.status < 500) return
    if (answer) last = answer
    // hung up: perhaps it died, and the engine was not there to tell
    else await alive(starting, deps)
    await pause(gap, wait, starting, deps)
  }
  // what it answers is rarely why: production answers with a blank page
  if (last !== null) await tellTail(deps.engine, process, starting.id, deps.log)
  throw explainCheck(process, deps.limits.start / 1000, last)
}

/** Waits until the starting process listens where requests reach it; resolves with its address. */
async function listens(starting: StartingProcess, deps: ReadinessDeps, wait: WaitSignals): Promise<string> {
  const { process, port } = starting
  const { limits, log } = deps
  const { pid, address } = await alive(starting, deps)
  const began = Date.now()
  let heard: ListeningSocket[] | null
  let loopbackSince = 0
  let told = false
  for (;;) {
    const waited = Date.now() - began
    heard = await listenersOf(pid, address)
    if (heard === null) {
      // not to be seen from here: it died (alive says so), or the engine is on another machine (so knock)
      await alive(starting, deps)
      if (await reaches(address, port)) return address
    } else {
      const own = heard.filter((one) => one.port === port)
      if (own.some((one) => !one.loopback)) return address
      if (own.length === 0) loopbackSince = 0
      else if (loopbackSince === 0) loopbackSince = Date.now()
      else if (Date.now() - loopbackSince > limits.loopback) break
      const other = heard.find((one) => !one.loopback)
      if (!told && waited > 5_000 && other) {
        told = true
        log(`${process} listens on port ${other.port}; waiting for it to listen on port ${port}`)
      }
    }
    if (wait.late.aborted) break
    await pause(heard === null ? Math.max(paces(waited), 200) : paces(waited), wait, starting, deps)
  }
  if (!heard || heard.length === 0) await tellTail(deps.engine, process, starting.id, log)
  throw explainSilence(process, port, limits.start / 1000, heard)
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
