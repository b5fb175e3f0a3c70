import type { FaultBody } from './faults.js'

/** What the caller of a one-off process says in text frames; its binary frames are standard input. */
export type FromCaller =
  | { readonly start: { command: string[]; tty: boolean; rows: number; columns: number } }
  | { readonly resize: { rows: number; columns: number } }
  | { readonly eof: true }

/** What the server says in text frames; the last one is `exit` or `error`. */
export type FromServer =
  | { readonly started: { process: string } }
  /** So many bytes of standard input have been taken: as many more may be sent. */
  | { readonly ack: number }
  | { readonly exit: { code: number } }
  | { readonly error: FaultBody }

/**
 * How many bytes of standard input may be on their way: sent, and not acknowledged. The server never stops reading a
 * caller, so that it learns at once when one leaves, and keeps no more than this for a process that reads nothing.
 */
export const inputWindow = 256 * 1024

/** The first byte of a binary frame from the server says which stream the rest is of. */
export const channel = { stdout: 1, stderr: 2 } as const
