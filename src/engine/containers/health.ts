import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../errors.js'
import type { Healthcheck } from '../records.js'
import type { Container, ContainerDeps } from './container.js'
import { Probe } from './probe.js'
import { timestamp, type HealthState } from './state.js'

const nsPerMs = 1e6
const keptResults = 5
const keptOutput = 4096

/** Docker's defaults, ms. */
const timesOf = ({ Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 }: Healthcheck) => ({
  interval: Interval / nsPerMs || 30_000,
  timeout: Timeout / nsPerMs || 30_000,
  startPeriod: StartPeriod / nsPerMs,
  startInterval: StartInterval / nsPerMs || 5_000,
  retries: Retries || 3,
})

function commandOf(test: readonly string[], shell: readonly string[]): string[] | undefined {
  const [kind, ...rest] = test
  if (kind === 'CMD') return rest
  if (kind === 'CMD-SHELL') return [...shell, rest.join(' ')]
  return undefined
}

/** Probes a container's health as its image or its user asked, until the signal aborts; nothing to do if nobody asked. */
export function watchHealth(deps: ContainerDeps, container: Container, signal: AbortSignal): void {
  const { Healthcheck: check, Shell = ['/bin/sh', '-c'] } = container.record.config
  const command = check?.Test && commandOf(check.Test, Shell)
  if (!check || !command) return
  // what an earlier daemon found is gone on with
  const health = (container.record.state.health ??= { status: 'starting', failingStreak: 0, log: [] })
  probe(deps, container, health, command, timesOf(check), signal).catch((error: unknown) => {
    if (!signal.aborted) console.error(`the health of container ${container.id} is looked at no more:`, error)
  })
}

async function probe(
  deps: ContainerDeps,
  container: Container,
  health: HealthState,
  command: readonly string[],
  times: ReturnType<typeof timesOf>,
  signal: AbortSignal,
): Promise<void> {
  const born = Date.parse(container.record.state.startedAt)
  const set = (status: HealthState['status']): void => {
    if (health.status === status || signal.aborted) return
    health.status = status
    container.emit(deps.events, `health_status: ${status}`)
  }
  for (;;) {
    const starting = health.status === 'starting' && Date.now() - born < times.startPeriod
    await sleep(starting ? Math.min(times.startInterval, times.interval) : times.interval, undefined, { signal })
    if (container.record.state.status !== 'running') continue
    const began = timestamp()
    const { exitCode, output } = await new Probe(deps, container, command)
      .run(times.timeout)
      .catch((error: unknown) => ({
        exitCode: -1,
        output: messageOf(error),
      }))
    health.log.push({ Start: began, End: timestamp(), ExitCode: exitCode, Output: output.slice(0, keptOutput) })
    health.log.splice(0, health.log.length - keptResults)
    if (exitCode === 0) {
      health.failingStreak = 0
      set('healthy')
    } else if (health.status !== 'starting' || Date.now() - born >= times.startPeriod) {
      health.failingStreak++
      if (health.failingStreak >= times.retries) set('unhealthy')
    }
    if (!signal.aborted) await deps.store.noteIfPossible(container.record)
  }
}
