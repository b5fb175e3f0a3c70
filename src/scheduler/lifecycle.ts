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

/** What the engine reports of a container that has a record: `runs anew` when it was started, or moved, since. */
export type Seen = 'runs' | 'runs anew' | 'ended'

/**
 * What is seen wins over what was written: whatever is on record and whatever happens to a container, this is what it is
 * then. `unknown` has no record. Whoever was told to stop is on its way out, whatever somebody makes of it.
 */
const observations: Record<ProcessState | 'unknown', Record<Seen, ProcessState>> = {
  unknown: { runs: 'starting', 'runs anew': 'starting', ended: 'crashed' },
  starting: { runs: 'starting', 'runs anew': 'starting', ended: 'crashed' },
  up: { runs: 'up', 'runs anew': 'starting', ended: 'crashed' },
  draining: { runs: 'draining', 'runs anew': 'starting', ended: 'crashed' },
  crashed: { runs: 'starting', 'runs anew': 'starting', ended: 'crashed' },
  stopping: { runs: 'stopping', 'runs anew': 'stopping', ended: 'stopping' },
}

/** The state of a process that was in `from`, or in no record, after a look at its container. */
export const observed = (from: ProcessState | null, seen: Seen): ProcessState => observations[from ?? 'unknown'][seen]

/**
 * Whether a process may be moved on from one state to the other; staying is no move, and always allowed. Nobody revives a
 * crashed process: its successor is a new container.
 */
export const mayMove = (from: ProcessState, to: ProcessState): boolean => from === to || next[from].includes(to)
