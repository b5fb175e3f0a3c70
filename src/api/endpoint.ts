import type { Readable } from 'node:stream'
import type { z } from 'zod'
import type { Permission } from '../access/caller.js'
import type { Change } from '../changes/index.js'
import type { routes } from './routes.js'

/**
 * An endpoint of the control API: one operation, its method and path apart (those are in `routes.ts`, which costs the CLI nothing to
 * load). Registration, validation, OpenAPI and the client's types all come from this record.
 */
export interface ApiEndpoint {
  /** One line, imperative. */
  readonly summary: string
  /** The permission that its caller needs on the app it is about, or on Berth itself; `nothing`: not even a token. */
  readonly needs: Permission | 'nothing'
  /** What fills the `:names` of the path. */
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  /** Its body is a tar archive; then there is no `body`. */
  readonly takes?: 'archive'
  /** The whole reply; of a stream of lines, one line; of a socket, nothing. */
  readonly reply: z.ZodType
  /**
   * Of one that changes an app and does nothing else: the change that a request asks for. What may not be is said by the
   * change's kind; such an endpoint has no handler.
   */
  readonly submits?: (request: never) => Change
  /** Success; 200 unless said. */
  readonly status?: 201 | 202
  /**
   * `lines`: NDJSON, one `reply` a line, then one line `{"end": …}` or `{"error": …}`; a stream without it was cut.
   * `text`: plain text, whole only when the transfer ends cleanly. `archive`: a tar archive, whole only when the
   * transfer ends cleanly. `socket`: a WebSocket, see `sockets.ts`.
   */
  readonly stream?: 'lines' | 'text' | 'archive' | 'socket'
  /** Of a stream of lines: what its last line tells. */
  readonly end?: z.ZodType
}

/** The shape of the contract: an operation for each route and no other. */
export type ApiEndpoints = {
  readonly [R in keyof typeof routes]: { readonly [O in keyof (typeof routes)[R]]: ApiEndpoint }
}

type InputPart<O, K extends string> = O extends Readonly<Record<K, infer S extends z.ZodType>> ? z.input<S> : unknown
type Parsed<O, K extends string> = O extends Readonly<Record<K, infer S extends z.ZodType>> ? z.output<S> : unknown

/** What a caller gives: path, query and body in one record. */
export type Input<O> = InputPart<O, 'params'> &
  InputPart<O, 'query'> &
  InputPart<O, 'body'> &
  (O extends { readonly takes: 'archive' } ? { readonly archive: Readable } : unknown)
/** What a handler gets: the same, validated. */
export type Request<O> = Parsed<O, 'params'> & Parsed<O, 'query'> & Parsed<O, 'body'>

/** Lines as they come, then the verdict. */
export type LineStream<Line, End> = AsyncGenerator<Line, End, void>

/** What an operation answers with, at the server's end as at the client's. */
export type Reply<O> = O extends { readonly stream: 'lines'; readonly reply: infer L; readonly end: infer E }
  ? LineStream<z.output<L>, z.output<E>>
  : O extends { readonly stream: 'text' }
    ? AsyncIterable<string>
    : O extends { readonly stream: 'archive' }
      ? AsyncIterable<Buffer>
      : O extends { readonly reply: infer S }
        ? z.output<S>
        : never
