/** Record types of RFC 1035 and RFC 3596 that are answered here. */
export const recordType = { a: 1, ptr: 12, aaaa: 28 } as const

const OPT = 41
const IN = 1
const headerSize = 12
/** RFC 1035, 4.2.1: what a client takes over UDP that does not say more. */
const plainLimit = 512

/** A query with its one question. */
export interface Query {
  readonly message: Buffer
  /** Lower case, without the last dot. */
  readonly name: string
  readonly type: number
  /** Of class IN: nothing else is known here. */
  readonly internet: boolean
  /** Where the question ends. */
  readonly end: number
  /** Bytes the client takes over UDP; EDNS lets it ask for more than 512. */
  readonly limit: number
  readonly edns: boolean
}

/** An answer to the question: its type is the question's. */
export interface DnsAnswer {
  readonly type: number
  readonly data: Buffer
}

/** Reads a query; undefined when it is none that can be answered, not even by an error. */
export function parseQuery(message: Buffer): Query | undefined {
  if (message.length < headerSize) return undefined
  const isQuery = (message.readUInt8(2) & 0xf8) === 0
  if (!isQuery || message.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = headerSize
  for (;;) {
    const length = message[at]
    // a question has nothing before it that a compressed name could point to
    if (length === undefined || length > 63 || at - headerSize > 255) return undefined
    at++
    if (length === 0) break
    labels.push(message.toString('latin1', at, at + length))
    at += length
  }
  const end = at + 4
  if (message.length < end) return undefined
  const edns = message.length >= end + 11 && message[end] === 0 && message.readUInt16BE(end + 1) === OPT
  return {
    message,
    name: labels.join('.').toLowerCase(),
    type: message.readUInt16BE(at),
    internet: message.readUInt16BE(at + 2) === IN,
    end,
    limit: edns ? Math.max(plainLimit, message.readUInt16BE(end + 3)) : plainLimit,
    edns,
  }
}

/** The reply's flags: a response, recursion available, the client's wish for recursion kept. */
function head(query: Query, code: number, answers: number, truncated: boolean): Buffer {
  const out = Buffer.from(query.message.subarray(0, query.end))
  out.writeUInt8(0x80 | (query.message.readUInt8(2) & 1) | (truncated ? 2 : 0), 2)
  out.writeUInt8(0x80 | code, 3)
  out.writeUInt16BE(answers, 6)
  out.writeUInt16BE(0, 8)
  out.writeUInt16BE(query.edns ? 1 : 0, 10)
  return out
}

const options = (query: Query): Buffer =>
  query.edns ? Buffer.from([0, 0, OPT, 0x10, 0, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0)

/** A reply that holds as many answers as fit, marked truncated when that is not all: the client asks again over TCP. */
export function reply(query: Query, answers: readonly DnsAnswer[], seconds: number, limit = 65_535): Buffer {
  const tail = options(query)
  let room = limit - query.end - tail.length
  const records: Buffer[] = []
  for (const { type, data } of answers) {
    const record = Buffer.alloc(12 + data.length)
    record.writeUInt16BE(0xc000 | headerSize, 0) // the question's name
    record.writeUInt16BE(type, 2)
    record.writeUInt16BE(IN, 4)
    record.writeUInt32BE(seconds, 6)
    record.writeUInt16BE(data.length, 10)
    data.copy(record, 12)
    room -= record.length
    if (room < 0) break
    records.push(record)
  }
  return Buffer.concat([head(query, 0, records.length, records.length < answers.length), ...records, tail])
}

/** SERVFAIL, RFC 1035 4.1.1: nobody who could know was reached. */
export const failure = (query: Query): Buffer => Buffer.concat([head(query, 2, 0, false), options(query)])

/** The response code of a reply to this very query; undefined for anything else. */
export function responseCode(query: Query, response: Buffer): number | undefined {
  if (response.length < query.end || (response.readUInt8(2) & 0x80) === 0) return undefined
  if (response.readUInt16BE(0) !== query.message.readUInt16BE(0)) return undefined
  return response.readUInt8(3) & 15
}

/** A name as a record holds it. */
export const encodeName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => {
      const text = Buffer.from(label.slice(0, 63), 'latin1')
      return Buffer.concat([Buffer.from([text.length]), text])
    }),
    Buffer.from([0]),
  ])
