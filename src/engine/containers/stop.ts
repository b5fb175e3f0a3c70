import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'
import { pause } from './pause.js'
import { hasRestartPolicy } from './restart.js'
import { hears } from '../system/process.js'
import { youth } from './settle.js'
import { signalNumber } from './signals.js'
import { advance } from './state.js'

const SIGKILL = 9
const defaultStopSeconds = 10
const pollMs = 5

/** Stops it: its stop signal, then SIGKILL after `seconds`; -1 waits for ever. @throws EngineError `unmodified` */
export async function stop(
  deps: ContainerDeps,
  container: Container,
  seconds?: number,
  signal?: string,
): Promise<void> {
  const { record } = container
  if (await restExclusively(deps, container)) return
  record.state.stopped = true
  if (!container.up) throw new EngineError('unmodified', 'container already stopped')
  const grace = seconds ?? record.config.StopTimeout ?? defaultStopSeconds
  const first = signal ?? record.config.StopSignal ?? 'SIGTERM'
  const ended = container.nextExit()
  await rememberStopped(deps, container)
  const late = new AbortController()
  if (grace !== 0) await untilHeard(container, signalNumber(first))
  send(deps, container, signalNumber(first))
  await thaw(deps, container)
  if (grace === 0) send(deps, container, SIGKILL)
  else if (grace > 0)
    void sleep(grace * 1000, undefined, { signal: late.signal }).then(
      () => send(deps, container, SIGKILL),
      () => undefined,
    )
  await ended
  late.abort()
  container.emit(deps.events, 'stop')
}

/** @throws EngineError `conflict` when it does not run, `invalid` for a bad signal */
export async function kill(deps: ContainerDeps, container: Container, signal: string): Promise<void> {
  const number = signalNumber(signal)
  if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
  const ends = number === SIGKILL || number === signalNumber(container.record.config.StopSignal ?? 'SIGTERM')
  const ended = number === SIGKILL ? container.nextExit() : undefined
  if (ends) {
    container.record.state.stopped = true
    await rememberStopped(deps, container)
  }
  await untilHeard(container, number)
  send(deps, container, number)
  if (ends) await thaw(deps, container)
  await ended
}

/** Ends one that is to be removed, without grace. */
export async function endContainer(deps: ContainerDeps, container: Container): Promise<void> {
  if ((await restExclusively(deps, container)) || !container.up) return
  container.record.state.stopped = true
  const ended = container.nextExit()
  raise(container, SIGKILL)
  await thaw(deps, container)
  await ended
}

/** A power cut must not bring back what was stopped. */
async function rememberStopped({ store }: ContainerDeps, { record }: Container): Promise<void> {
  if (hasRestartPolicy(record)) await store.saveIfPossible(record)
}

/** Gives up a restart that is due; false when there was none, or it came first and the container is up. */
function restExclusively(deps: ContainerDeps, container: Container): Promise<boolean> {
  const { state } = container.record
  if (state.status !== 'restarting') return Promise.resolve(false)
  return container.exclusively(async () => {
    if (state.status !== 'restarting') return false
    container.companions.abort()
    advance(state, 'exited', { stopped: true })
    await deps.store.saveIfPossible(container.record)
    return true
  })
}

/** What is frozen hears no signal: one that ends it is heard at once. */
async function thaw(deps: ContainerDeps, container: Container): Promise<void> {
  // it may have ended, or gone on, meanwhile; what stays frozen is killed in the end, and that it hears
  if (container.record.state.status === 'paused') await pause(deps, container, false).catch(() => undefined)
}

/**
 * Waits while a program that has only begun may yet install its handler: the kernel drops a signal that the first process
 * of a container has none for, and a stop would take all of its grace.
 */
async function untilHeard(container: Container, signal: number): Promise<void> {
  if (signal === SIGKILL) return
  // the kernel tells nobody of a handler
  while (youth(container) > 0 && container.alive && !hears(container.record.state.pid, signal)) await sleep(pollMs)
}

function send(deps: ContainerDeps, container: Container, signal: number): void {
  raise(container, signal)
  container.emit(deps.events, 'kill', { signal: String(signal) })
}

function raise(container: Container, signal: number): void {
  if (!container.alive) return
  try {
    process.kill(container.record.state.pid, signal)
  } catch {
    return // it has just ended
  }
}
