import { BerthError } from '../errors.js'

/** starting: runs, but is not yet seen to listen and answer. draining: serves what it has, gets nothing new. */
export type ProcessState = 'starting' | 'up' | 'draining' | 'stopping' | 'crashed'

const next: Record<ProcessState, readonly ProcessState[]> = {
  starting: ['up', 'crashed', 'stopping'],
  up: ['draining', 'stopping', 'crashed'],
  // taken back, when what was to take its place did not come
  draining: ['up', 'stopping', 'crashed'],
  crashed: ['stopping'],
  stopping: [],
}

/**
 * The state after a move; staying is no move and always allowed. A crashed process is never revived: its successor is
 * a new container.
 * @throws BerthError `conflict`
 */
export function advance(from: ProcessState, to: ProcessState): ProcessState {
  if (from !== to && !next[from].includes(to))
    throw new BerthError('conflict', `a process that is ${from} cannot become ${to}`)
  return to
}
