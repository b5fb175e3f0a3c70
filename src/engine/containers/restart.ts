import type { ContainerRecord } from './record.js'

/** Milliseconds before the first restart by policy; doubles with each, dockerd's numbers. */
const firstMs = 100
const longestMs = 60_000
/** Ran at least this long: the back-off begins anew. */
const steadyMs = 10_000

/** Whether it may ever be started by the engine itself. */
export const hasRestartPolicy = ({ hostConfig }: ContainerRecord): boolean =>
  !['', 'no'].includes(hostConfig.RestartPolicy.Name)

/** Whether a container that has ended is to be started again. */
export function wantsRestart({ hostConfig, state }: ContainerRecord): boolean {
  const { Name, MaximumRetryCount } = hostConfig.RestartPolicy
  if (state.stopped) return false
  if (Name === 'always' || Name === 'unless-stopped') return true
  if (Name !== 'on-failure' || state.exitCode === 0) return false
  return MaximumRetryCount === 0 || state.restartCount < MaximumRetryCount
}

/** Whether a container that was not running is to be started with the daemon. */
export function startsWithDaemon(record: ContainerRecord): boolean {
  const { Name } = record.hostConfig.RestartPolicy
  return Name === 'always' ? record.state.status !== 'created' : wantsRestart(record)
}

/** The next wait, given the last one and how long the container ran, both ms. */
export const nextBackOff = (last: number, ranMs: number): number =>
  ranMs >= steadyMs || last === 0 ? firstMs : Math.min(last * 2, longestMs)
