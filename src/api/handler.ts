import type { Token } from '../store/tokens.js'
import type { Contract } from './contract.js'
import type { Reply, Request } from './endpoint.js'

/** What a handler knows of its caller. */
export interface Caller {
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal
  /** What it came with; null where none is asked for. */
  readonly token: Token | null
}

/** Answers one operation; a stream's handler rejects before it returns the stream when nothing can be streamed. */
export type Handler<O> = (request: Request<O>, caller: Caller) => Promise<Reply<O>>

/** Handlers of a resource: one for each of its operations, sockets apart. */
export type HandlersOf<R extends keyof Contract> = {
  readonly [O in keyof Contract[R] as Contract[R][O] extends { readonly stream: 'socket' } ? never : O]: Handler<
    Contract[R][O]
  >
}

export type Handlers = { readonly [R in keyof Contract]: HandlersOf<R> }
