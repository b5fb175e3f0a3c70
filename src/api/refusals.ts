import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { BerthError, statusOf } from '../errors.js'
import { maxHeaderLines } from '../framing.js'
import type { Refusal } from '../http-server.js'
import { bodyOfFault } from './faults.js'

/** What is said of a request that was not let in, and with which status. */
const refusals: Record<Refusal, readonly [status: number, message: string]> = {
  'bad-request': [400, 'the request is not proper HTTP'],
  'client-too-slow': [408, 'the request took too long to arrive'],
  'no-such-method': [405, 'CONNECT is not served here'],
  'no-such-expectation': [417, 'Expect may say 100-continue, and nothing else'],
  'headers-too-large': [431, `the headers are more than 16 kB or ${maxHeaderLines} lines`],
  'no-such-encoding': [501, 'a body may be chunked or have a Content-Length; nothing else'],
  'no-such-version': [505, 'HTTP/1.0 and HTTP/1.1 are served here'],
}

/** A ready answer of JSON. */
export interface JsonAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function answer(fault: BerthError, status: number): JsonAnswer {
  const body = JSON.stringify(bodyOfFault(fault))
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  return { status, headers, body }
}

/** The answer to a request that was not let in. */
export function answerToRefusal(why: Refusal): JsonAnswer {
  const [status, message] = refusals[why]
  return answer(new BerthError('invalid', message), status)
}

/** The answer to an upgrade that is refused as any other request. */
export const answerToFault = (fault: BerthError): JsonAnswer => answer(fault, statusOf[fault.fault])

/** Answers on a bare socket and closes it, also when the client does not close its side. */
export function sendRaw(socket: Duplex, { status, headers, body }: JsonAnswer): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  const late = setTimeout(() => socket.destroy(), 2000)
  socket.once('close', () => clearTimeout(late)).resume()
}
