import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface ApiRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ApiAnswer {
  readonly status: number
  readonly body: string | object
  readonly headers?: Readonly<Record<string, string>>
}

/** An HTTP server that answers as a provider's API does. */
export interface ApiServer extends AsyncDisposable {
  readonly url: string
  /** All that it was asked, in order. */
  readonly asked: ApiRequest[]
}

/** @param limited each so-manieth request is turned away as one too many (429) */
export async function startApi(
  answer: (request: ApiRequest) => ApiAnswer,
  tooMany: ApiAnswer,
  limited = 4,
): Promise<ApiServer> {
  const asked: ApiRequest[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url ?? '/', `http://${request.headers.host ?? ''}`)
      const read = { method: request.method ?? '', url, headers: request.headers, body }
      asked.push(read)
      const { status, body: said, headers } = asked.length % limited === 0 ? tooMany : answer(read)
      const type = typeof said === 'string' ? 'text/xml' : 'application/json'
      response.writeHead(status, { 'content-type': type, ...headers })
      response.end(typeof said === 'string' ? said : JSON.stringify(said))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  let open = true
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      if (!open) return
      open = false
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The zones that every provider of a test has, among others that are alike. */
export const zones = [
  ...Array.from({ length: 120 }, (_, index) => `zone${index}.example.net`),
  ...['ample.org', 'example.org', 'deep.example.org'],
]
