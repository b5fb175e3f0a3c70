/** Milliseconds from the first crash to the restart; each further crash doubles it. */
const firstDelay = 1_000
/** A process that keeps crashing is tried this often, in milliseconds. */
const longestDelay = 5 * 60_000
/** A process that was up this long, in milliseconds, has recovered: its next crash is a first one. */
const recovery = 60_000

/** Milliseconds to wait after the `restarts`th crash in a row (1 is the first). */
export const delayAfter = (restarts: number): number =>
  Math.min(firstDelay * 2 ** Math.min(Math.max(restarts - 1, 0), 30), longestDelay)

/** The count of crashes in a row, one more having happened after `upMs` milliseconds up. */
export const countCrash = (before: number, upMs: number): number => (upMs >= recovery ? 1 : before + 1)
