import type { FaultBody } from './faults.js'

/** What the caller of a one-off process says in text frames; its binary frames are standard input. */
export type FromCaller =
  | { readonly start: { command: string[]; tty: boolean; rows: number; columns: number } }
  | { readonly resize: { rows: number; columns: number } }
  | { readonly eof: true }

/** What the server says in text frames; the last one is `exit` or `error`. */
export type FromServer =
  { readonly started: { process: string } } | { readonly exit: { code: number } } | { readonly error: FaultBody }

/** The first byte of a binary frame from the server says which stream the rest is of. */
export const channel = { stdout: 1, stderr: 2 } as const
