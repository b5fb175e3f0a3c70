import type { Readable } from 'node:stream'
import type { Contract } from './contract.js'
import { readAll, sendRequest } from './client/http.js'
import type { Access } from './client/access.js'
import { archivePieces, readLines, textPieces } from './client/stream.js'
import type { Input, Reply } from './endpoint.js'
import { routes, splitRoute } from './routes.js'

export type { Access } from './client/access.js'

type ClientCall<O> = (input: Input<O>, signal?: AbortSignal) => Promise<Reply<O>>

/** A function for every operation of the contract; path, query and body are one record. Sockets: `client/run.ts`. */
export type ApiClient = {
  readonly [R in keyof Contract]: {
    readonly [O in keyof Contract[R] as Contract[R][O] extends { readonly stream: 'socket' } ? never : O]: ClientCall<
      Contract[R][O]
    >
  }
}

/** Fills the `:names` of a path from the input and returns what is left of it. */
export function fillPath(
  path: string,
  input: Readonly<Record<string, unknown>>,
): { path: string; rest: Record<string, unknown> } {
  const rest = { ...input }
  const filled = path.replace(/:(\w+)/g, (_, name: string) => {
    const encoded = encodeURIComponent(rest[name] as string)
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a plain record of a few keys
    delete rest[name]
    return encoded
  })
  return { path: filled, rest }
}

async function call(
  access: Access,
  route: string,
  input: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<unknown> {
  const { method, path: template } = splitRoute(route)
  const { path, rest } = fillPath(template, input)
  const { archive, ...named } = rest as { archive?: Readable }
  const inQuery = method === 'GET' || method === 'DELETE' || archive !== undefined
  const given = Object.entries(named as Record<string, unknown>).filter(([, value]) => value !== undefined)
  const query =
    inQuery && given.length > 0
      ? `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}`
      : ''
  const body = inQuery ? undefined : Object.fromEntries(given)
  const response = await sendRequest(access, { method, path: path + query, body, archive }, signal)
  const type = response.headers['content-type'] ?? ''
  if (type.startsWith('application/x-ndjson')) return readLines(response)
  if (type.startsWith('application/x-tar')) return archivePieces(response)
  if (type.startsWith('text/plain')) return textPieces(response)
  return JSON.parse(await readAll(response)) as unknown
}

/** A client of the control API, made from its routes; the types come from the contract, which it does not load. */
export const createClient = (access: Access): ApiClient =>
  Object.fromEntries(
    Object.entries(routes).map(([resource, operations]) => [
      resource,
      Object.fromEntries(
        Object.entries(operations)
          .filter(([, route]: [string, string]) => !route.startsWith('WS '))
          .map(([name, route]: [string, string]) => [
            name,
            (input: Record<string, unknown>, signal?: AbortSignal) => call(access, route, input, signal),
          ]),
      ),
    ]),
  ) as unknown as ApiClient
