import { readFileSync } from 'node:fs'

/** Kept back for Redis, files and what a process opens of itself. */
const reserve = 128

/** How many descriptors this process may have open (`RLIMIT_NOFILE`, proc(5)); Node has raised it as far as it may. */
function limit(): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return soft === undefined || soft === 'unlimited' ? 1_000_000 : Number(soft)
}

/**
 * How many connections may be open of each kind: from clients, to processes for a request each, and to processes at
 * rest. Together they stay below what the kernel grants, so that opening one never fails.
 */
export const connectionsOfAKind = Math.max(16, Math.floor((limit() - reserve) / 3))

/** Failures to open a connection that say something of this machine and nothing of who was called. */
const ownTroubles = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN', 'EADDRNOTAVAIL'])

/** Whether it is we who have no connection left. */
export const isOwnError = (error: unknown): boolean =>
  error instanceof Error && ownTroubles.has((error as NodeJS.ErrnoException).code ?? '')
