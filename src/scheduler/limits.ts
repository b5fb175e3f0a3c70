/** How long the scheduler waits for what; all in milliseconds unless said. */
export interface Timeouts {
  /** For a new process to listen and answer its check. */
  readonly start: number
  /** For a new process to be seen listening on the loopback address only before that is called a failure. */
  readonly loopback: number
  /** For a process that serves no requests to live before it counts as started: nothing else tells that it works. */
  readonly settle: number
  /** For the router to say that it has applied a route. */
  readonly acknowledge: number
  /** For requests in flight to end on a process that is taken away. */
  readonly drain: number
  /** Seconds between SIGTERM and SIGKILL. */
  readonly grace: number
  /** Between looks at everything, in case an event was missed. */
  readonly resync: number
  /** For the engine to come back before a roll-out gives up. */
  readonly engine: number
  /** Containers started at once, over all apps. */
  readonly parallel: number
}

export const defaultLimits: Timeouts = {
  start: 60_000,
  loopback: 3_000,
  settle: 1_000,
  acknowledge: 5_000,
  drain: 30_000,
  grace: 10,
  resync: 30_000,
  engine: 30_000,
  parallel: 4,
}
