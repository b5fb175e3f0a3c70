import { closeSync, writeSync } from 'node:fs'

/**
 * A socket that the supervisor opened and holds; null for a process that runs by itself. The first is descriptor 3, as in
 * sd_listen_fds(3); the others follow the descriptor by which this process says that it accepts.
 */
export const inheritedSocket = (index = 0): { readonly fd: number } | null =>
  Number(process.env.LISTEN_FDS ?? 0) > index ? { fd: index === 0 ? 3 : 4 + index } : null

/** The descriptor by which the supervisor learns whether this process accepts; its number is in `READY_FD`. */
let word = process.env.READY_FD === undefined ? null : Number(process.env.READY_FD)

function quietly(action: (fd: number) => void): void {
  if (word === null) return
  try {
    action(word)
  } catch {
    word = null // a supervisor that is gone reads no more; the next one looks at the process itself
  }
}

/** Says that this process accepts: the one that it replaces may leave. */
export const tellReady = (): void => quietly((fd) => writeSync(fd, '\n'))

/** Descriptors of sockets that this process merely holds, for when those who accept from them are killed. */
const spares = (process.env.SPARE_FDS ?? '').split(',').filter(Boolean).map(Number)

/** Says that this process accepts no more, and ends when what it has begun is over: the next one is started now. */
export function tellLeaving(): void {
  quietly(closeSync)
  word = null
  for (const fd of spares.splice(0)) closeSync(fd) // a port that is served no more is not to stay open
}
