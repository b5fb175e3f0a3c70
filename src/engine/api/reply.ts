import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { EngineError, messageOf, statusOf } from '../errors.js'
import { headRead } from './hijack.js'
import { inWordsOf } from './older-words.js'
import type { ApiReply } from './route.js'
import { apiVersion } from './table.js'
import { openWebSocket } from './web-socket.js'

/** Sent with every reply: clients learn the version from any of them. */
const standardHeaders = {
  'Api-Version': apiVersion.current,
  'Docker-Experimental': 'false',
  Ostype: 'linux',
  Server: 'Berth (linux)',
} as const

/** Has an answer of any kind carry the standard headers. */
export const setStandardHeaders = (raw: ServerResponse): void => {
  for (const [name, value] of Object.entries(standardHeaders)) raw.setHeader(name, value)
}

/** True once anything of the answer has left. */
const begun = (raw: ServerResponse): boolean => raw.headersSent || raw.destroyed || raw.writableEnded

function json(raw: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body) + '\n')
  raw.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length }).end(text)
}

/** Answers with the fault of an error, in Docker's form; drops the connection when an answer has begun. */
export function replyWithError(raw: ServerResponse, error: unknown, version = Infinity): void {
  if (begun(raw)) {
    raw.destroy()
    return
  }
  const status = error instanceof EngineError ? statusOf[error.fault] : 500
  if (!(error instanceof EngineError)) console.error(error)
  if (status === 304) raw.writeHead(304).end()
  else json(raw, status, { message: inWordsOf(version, messageOf(error)) })
}

/** Resolves when there is room for more. */
const writeRecord = (raw: ServerResponse, record: unknown): Promise<void> =>
  new Promise((resolve) => {
    if (raw.destroyed || raw.write(JSON.stringify(record) + '\n')) resolve()
    else {
      const settle = () => {
        raw.off('drain', settle).off('close', settle)
        resolve()
      }
      raw.on('drain', settle).on('close', settle)
    }
  })

/** The answer to one request; `taken` is its connection where that is to be hijacked. */
export function replyOn(
  request: IncomingMessage,
  raw: ServerResponse,
  taken?: { readonly socket: Socket; readonly upgrade: boolean },
): ApiReply {
  return {
    raw,
    json: (status, body) => json(raw, status, body),
    empty: (status) => {
      raw.writeHead(status, status === 200 || status === 201 ? { 'Content-Length': 0 } : {}).end()
    },
    stream: (contentType = 'application/json') => {
      raw.writeHead(200, { 'Content-Type': contentType })
      raw.flushHeaders()
      return { write: (record) => writeRecord(raw, record), end: () => raw.end() }
    },
    hijack: async (contentType) => {
      if (!taken) throw new EngineError('broken', 'the connection of this endpoint is not there to be hijacked')
      const { socket, upgrade } = taken
      const lines = [
        upgrade ? 'HTTP/1.1 101 UPGRADED' : 'HTTP/1.1 200 OK',
        `Content-Type: ${contentType}`,
        ...(upgrade ? ['Connection: Upgrade', `Upgrade: ${request.headers.upgrade ?? 'tcp'}`] : []),
        ...Object.entries(standardHeaders).map(([name, value]) => `${name}: ${value}`),
      ]
      raw.detachSocket(socket)
      socket.on('error', () => socket.destroy())
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      await headRead(socket)
      return socket
    },
    webSocket: async () => {
      if (!taken?.upgrade) throw new EngineError('invalid', 'not websocket protocol')
      const opened = await openWebSocket(request, taken.socket, standardHeaders)
      raw.detachSocket(taken.socket)
      return opened
    },
  }
}
