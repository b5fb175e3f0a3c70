import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

/** A frame of HTTP/2 (RFC 9113 §4.1), as no library would write it. */
export function frame(type: number, flags: number, payload: Buffer, stream = 1): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header.writeUInt8(type, 3)
  header.writeUInt8(flags, 4)
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** A string literal of HPACK, not in Huffman's code (RFC 7541 §5.2). */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const { length } = bytes
  if (length < 127) return Buffer.concat([Buffer.from([length]), bytes])
  const size = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) size.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...size, rest]), bytes])
}

export type Lines = readonly (readonly [string, string])[]

/** Lines of a head, none of them indexed. */
export const block = (lines: Lines): Buffer =>
  Buffer.concat(lines.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))

const usual: Lines = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'blog.test'],
  [':path', '/'],
]

/** HEADERS: the usual lines where these say nothing else; a line without a value is left out. */
export function head(lines: Lines, ended = false): Buffer {
  const given = new Set(lines.map(([name]) => name))
  const all = [...usual.filter(([name]) => !given.has(name)), ...lines].filter(([, value]) => value !== '-')
  const pseudoFirst = all.filter(([name]) => name.startsWith(':'))
  return frame(1, ended ? 5 : 4, block([...pseudoFirst, ...all.filter((line) => !pseudoFirst.includes(line))]))
}

export const data = (text: string, ended = false): Buffer => frame(0, ended ? 1 : 0, Buffer.from(text))

export function reset(code: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame(3, 0, payload)
}

/** A client that sends frames, and what it is answered: `status 400`, `reset 1`, `goaway 1` or `closed`. */
export async function frameClient(port: number) {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const { promise: answered, resolve } = Promise.withResolvers<string>()
  let received = Buffer.alloc(0)
  socket.on('error', () => undefined).once('close', () => resolve('closed'))
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes])
    while (received.length >= 9) {
      const length = received.readUIntBE(0, 3)
      if (received.length < 9 + length) return
      const [type, payload] = [received[3], received.subarray(9, 9 + length)]
      received = received.subarray(9 + length)
      if (type === 1) resolve(`head ${payload.toString('latin1')}`)
      if (type === 3) resolve(`reset ${payload.readUInt32BE(0)}`)
      if (type === 7) resolve(`goaway ${payload.readUInt32BE(4)}`)
    }
  })
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, Buffer.alloc(0), 0)]))
  return { socket, answered, send: (bytes: Buffer) => socket.write(bytes) }
}

/** It is not read at all: a reset, or a page whose status HPACK has at 12 (400). */
export const refused = /^(reset 1|goaway 1|closed|head \x8c[^]*)$/
const twice = (name: string, one: string, other: string): Lines => [
  [name, one],
  [name, other],
]

/** Heads that would be other requests, or two, to HTTP/1. `dropped`: nghttp2 leaves the line out, and the rest is a request. */
export const smuggled: readonly (readonly [string, Lines, 'refused' | 'dropped'])[] = [
  ['a line break in a value', [['x', 'a\r\nhost: evil.test']], 'dropped'],
  ['a line feed in a value', [['x', 'a\nb: c']], 'dropped'],
  ['a NUL in a value', [['x', 'a\0b']], 'dropped'],
  ['a bell in a value', [['x', 'a\x07b']], 'dropped'],
  ['a line break in a name', [['x\r\ny', 'a']], 'dropped'],
  ['a colon in a name', [['x:y', 'a']], 'dropped'],
  ['a space in a name', [['x y', 'a']], 'dropped'],
  ['an empty name', [['', 'a']], 'dropped'],
  ['a name in upper case', [['X-Upper', 'a']], 'refused'],
  ['a method that is a request', [[':method', 'GET /evil HTTP/1.1\r\nx: y']], 'refused'],
  ['a method with a space', [[':method', 'GET /evil']], 'refused'],
  ['a method nobody knows', [[':method', 'EVIL']], 'refused'],
  ['a path that is a request', [[':path', '/ HTTP/1.1\r\nx: y']], 'refused'],
  ['a path with a space', [[':path', '/a b']], 'refused'],
  ['a path that is none', [[':path', 'evil']], 'refused'],
  ['no path', [[':path', '-']], 'refused'],
  ['no method', [[':method', '-']], 'refused'],
  ['no scheme', [[':scheme', '-']], 'refused'],
  ['a scheme nobody knows', [[':scheme', 'gopher']], 'refused'],
  ['an authority that is none', [[':authority', 'blog.test/evil']], 'refused'],
  ['no authority', [[':authority', '-']], 'refused'],
  ['another host than its authority', [['host', 'other.test']], 'refused'],
  ['two hosts', twice('host', 'blog.test', 'blog.test'), 'refused'],
  ['two methods', twice(':method', 'GET', 'POST'), 'refused'],
  ['two paths', twice(':path', '/', '/evil'), 'refused'],
  ['an unknown pseudo-header', [[':evil', 'a']], 'refused'],
  ['the pseudo-header of an answer', [[':status', '200']], 'refused'],
  ['Connection', [['connection', 'close']], 'refused'],
  ['Transfer-Encoding', [['transfer-encoding', 'chunked']], 'refused'],
  ['Upgrade', [['upgrade', 'websocket']], 'refused'],
  ['Keep-Alive', [['keep-alive', 'timeout=5']], 'refused'],
  ['Proxy-Connection', [['proxy-connection', 'close']], 'refused'],
  ['TE that is not trailers', [['te', 'chunked']], 'refused'],
  ['a length and no body', [['content-length', '5']], 'refused'],
  ['a negative length', [['content-length', '-5']], 'refused'],
  ['two lengths', twice('content-length', '0', '0'), 'refused'],
  ['a length of words', [['content-length', 'five']], 'refused'],
]
