import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Shape } from '../system/shape.js'

/** One request to the Docker Engine API, its version prefix taken off. */
export interface ApiRequest {
  readonly raw: IncomingMessage
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** API version asked for, e.g. 1.47 → 147. */
  readonly version: number
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal
  /** Decodes a JSON body of at most 4 MiB, an empty one as `{}`. @param shape see `bodies` @throws EngineError `invalid` */
  json(shape: Shape): Promise<unknown>
}

/** The answer to one request. A handler that throws an EngineError before anything was sent answers with its status. */
export interface ApiReply {
  readonly raw: ServerResponse
  json(status: number, body: unknown): void
  empty(status: number): void
  /** Starts a stream of JSON lines at once; `write` puts one record in one write and waits for the drain. */
  stream(contentType?: string): { write(record: unknown): Promise<void>; end(): void }
  /**
   * Takes the connection over, of an endpoint that `hijacks`: 101 UPGRADED when the client asked for it, else 200, and
   * raw bytes both ways after. Answers once; the body of the request, if it had one, has been consumed. Resolves when the
   * client has read the head of the answer.
   */
  hijack(contentType: string): Promise<Socket>
  /** Makes the connection a WebSocket. @throws EngineError `invalid` when the client did not ask for one */
  webSocket(): Promise<Duplex>
}

/**
 * One endpoint. `path` is as in Docker's API description: `/containers/{id}/start`; `{name}` of an image is greedy
 * (it holds slashes). The documentation's endpoint table is made from these.
 */
export interface ApiRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  /** What is missing, if the endpoint is not Docker's in full. */
  readonly partly?: string
  /** Its JSON body may be called anything: clients of Docker's do, and dockerd does not look. */
  readonly anyType?: true
  /** Its JSON body may be left out: that is `{}`. */
  readonly bodiless?: true
  /** Its answer may take the connection over, both ways. */
  readonly hijacks?: true
  handle(request: ApiRequest, reply: ApiReply): Promise<void> | void
}
