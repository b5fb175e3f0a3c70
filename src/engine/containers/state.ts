import { EngineError } from '../errors.js'

/** Where a container is in its life, in Docker's words. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

/** The health of a running container with a health check. */
export interface HealthState {
  status: 'starting' | 'healthy' | 'unhealthy'
  failingStreak: number
  log: { Start: string; End: string; ExitCode: number; Output: string }[]
}

/** What is so of a container's life. Times are RFC 3339 with nanoseconds. */
export interface ContainerState {
  /** Changed by `advance` alone. */
  readonly status: ContainerStatus
  pid: number
  conmonPid: number
  /** Kernel start time of `conmonPid`. */
  conmonStart: string
  /** Kernel start time of `pid`, clock ticks since boot: tells it from a process that got the number later. */
  pidStart: string
  /** The boot that `pid` belongs to. */
  boot: string
  exitCode: number
  error: string
  oomKilled: boolean
  startedAt: string
  finishedAt: string
  restartCount: number
  /** Somebody stopped it: its restart policy sleeps until it is started again. */
  stopped: boolean
  /** What runs it, or ran it last: which runtimes are installed changes. */
  runtime?: string
  health?: HealthState
}

/** Docker's way to write "never". */
export const never = '0001-01-01T00:00:00Z'

/** RFC 3339 with nine digits, as Docker's clients expect. */
export const timestamp = (at = new Date()): string => at.toISOString().replace('Z', '000000Z')

/** Of a container that was never started. */
export const newState = (): ContainerState => ({
  status: 'created',
  pid: 0,
  conmonPid: 0,
  conmonStart: '',
  pidStart: '',
  boot: '',
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: never,
  finishedAt: never,
  restartCount: 0,
  stopped: false,
})

/** Processes of the container exist. */
export const isUp = ({ status }: ContainerState): boolean => status === 'running' || status === 'paused'

/** What a container may become. From `removing` there is no way back: a removal that was cut short is done again. */
const next: Readonly<Record<ContainerStatus, readonly ContainerStatus[]>> = {
  created: ['running', 'removing'],
  running: ['paused', 'restarting', 'exited'],
  paused: ['running', 'restarting', 'exited'],
  restarting: ['running', 'exited', 'removing'],
  exited: ['running', 'removing'],
  removing: ['removing'],
  dead: ['removing'],
}

/** Moves a container on, and sets what else changes with it. @throws EngineError `conflict` when it cannot become that */
export function advance(
  state: ContainerState,
  to: ContainerStatus,
  changes: Partial<Omit<ContainerState, 'status'>> = {},
): void {
  if (!next[state.status].includes(to))
    throw new EngineError('conflict', `a container that is ${state.status} cannot become ${to}`)
  Object.assign(state, changes, { status: to })
}
