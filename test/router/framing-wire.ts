import { createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'

/** One message as its bytes say, read by the letter of RFC 9112 and by nothing of ours or of Node's. */
export interface Message {
  /** The first line. */
  readonly start: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Thrown at bytes that no strict reader would take. */
export class NotHttp extends Error {}

function refuse(what: string): never {
  throw new NotHttp(what)
}

interface Head {
  readonly start: string
  readonly headers: [string, string][]
  readonly length: number
}

function headOf(bytes: string): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [start = '', ...lines] = bytes.slice(0, end).split('\r\n')
  if (/[\r\n\0]/.test(start)) refuse(`a control character in ${JSON.stringify(start)}`)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    if (!token.test(name)) refuse(`a header named ${JSON.stringify(name)}`)
    if (/[\r\n\0]/.test(value)) refuse(`a control character in ${name}`)
    return [name.toLowerCase(), value]
  })
  return { start, headers, length: end + 4 }
}

/** A chunked body from `at` on: undefined when it is not whole yet. */
function chunkedBody(bytes: string, at: number): { body: string; end: number } | undefined {
  let body = ''
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const [, size] = /^([0-9a-f]{1,8})(?:;.*)?$/i.exec(bytes.slice(at, line)) ?? []
    if (size === undefined) return refuse(`a chunk size ${JSON.stringify(bytes.slice(at, line))}`)
    const length = parseInt(size, 16)
    at = line + 2
    if (length === 0) {
      for (;;) {
        const trailer = bytes.indexOf('\r\n', at)
        if (trailer < 0) return undefined
        const last = trailer === at
        at = trailer + 2
        if (last) return { body, end: at }
      }
    }
    if (bytes.length < at + length + 2) return undefined
    body += bytes.slice(at, at + length)
    if (bytes.slice(at + length, at + length + 2) !== '\r\n') refuse('a chunk longer than it says')
    at += length + 2
  }
}

/** The first message in these bytes and where it ends; `closed`: no more will come. Undefined when it is not whole. */
export function readMessage(
  bytes: string,
  { bodiless = false, answer = false, closed = false } = {},
): { message: Message; end: number } | undefined {
  const head = headOf(bytes)
  if (!head) return undefined
  const { start, headers, length } = head
  const message = (body: string, end: number) => ({ message: { start, headers, body }, end })
  const values = (name: string) => headers.filter(([other]) => other === name).map(([, value]) => value)
  const encodings = values('transfer-encoding')
  const lengths = values('content-length')
  if (encodings.length + lengths.length > 1) refuse('two frames')
  const interim = answer && / (?:1\d\d|204|304) /.test(start)
  if (interim && encodings.length > 0) refuse('a frame without a body')
  if (bodiless || interim) return message('', length)
  if (encodings.length > 0) {
    if (encodings[0]?.toLowerCase() !== 'chunked') refuse(`encoding ${encodings[0] ?? ''}`)
    const chunked = chunkedBody(bytes, length)
    return chunked && message(chunked.body, chunked.end)
  }
  if (lengths.length > 0) {
    if (!/^\d+$/.test(lengths[0] ?? '')) refuse(`length ${lengths[0] ?? ''}`)
    const end = length + Number(lengths[0])
    return bytes.length >= end ? message(bytes.slice(length, end), end) : undefined
  }
  if (!answer) return message('', length)
  return closed ? message(bytes.slice(length), bytes.length) : undefined
}

/** What an app said to the request it read; bytes as they are. */
export type Reply = (request: Message, socket: Socket) => void

/** An app that reads by the letter, remembers everything and notes what nobody may ever send it. */
export interface StrictApp extends AsyncDisposable {
  readonly port: number
  readonly seen: Message[]
  readonly violations: string[]
  reply: Reply
}

/** Says what it was asked, whole. */
export const echo: Reply = (request, socket) => {
  const [method = '', path = ''] = request.start.split(' ')
  const body = JSON.stringify({ method, path, body: request.body })
  socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`)
}

export async function strictApp(): Promise<StrictApp> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    let bytes = ''
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
    socket.setEncoding('latin1').on('data', (text: string) => {
      bytes += text
      try {
        for (let read = readMessage(bytes); read; read = readMessage(bytes)) {
          bytes = bytes.slice(read.end)
          if (!/^[A-Z-]+ \S+ HTTP\/1\.1$/.test(read.message.start)) refuse(`a request line ${read.message.start}`)
          app.seen.push(read.message)
          app.reply(read.message, socket)
        }
      } catch (error) {
        app.violations.push(error instanceof Error ? error.message : String(error))
        socket.destroy()
      }
    })
  })
  const app: StrictApp = {
    port: 0,
    seen: [],
    violations: [],
    reply: echo,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(app, { port: (server.address() as AddressInfo).port })
}
