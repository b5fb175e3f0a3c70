import type { Readable } from 'node:stream'
import type { Caller } from '../access/caller.js'
import type { App } from '../store/apps.js'
import type { Contract } from './contract.js'
import type { Reply, Request } from './endpoint.js'

/** What a handler is given beside the request. */
export interface HandlerContext<A = App | null> {
  /** The app that the request is about. */
  readonly app: A
  /** Who asks: one that may. */
  readonly caller: Caller
  /** Where Berth is for the caller: `https://berth.<domain>[:port]` where they came by HTTPS. */
  readonly url: string
  /** The body of a request that takes an archive, which nobody has read. */
  readonly archive?: Readable
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal
}

type AppOf<R> = R extends { readonly app: string } ? App : App | null

/** Answers one request; a stream's handler rejects before it returns the stream when nothing can be streamed. */
export type Handler<E> = (request: Request<E>, context: HandlerContext<AppOf<Request<E>>>) => Promise<Reply<E>>

/** Endpoints that need no handler. */
type Unhandled = { readonly stream: 'socket' } | { readonly submits: unknown }

/** Handlers of a resource: one for each of its endpoints. */
export type HandlersOf<R extends keyof Contract> = {
  readonly [E in keyof Contract[R] as Contract[R][E] extends Unhandled ? never : E]: Handler<Contract[R][E]>
}

export type Handlers = { readonly [R in keyof Contract]: HandlersOf<R> }
