import { createHmac, randomInt } from 'node:crypto'

/** A key that updates are signed with (TSIG, RFC 8945). */
export interface TsigKey {
  /** `hmac-sha256` and the like. */
  readonly algorithm: string
  readonly name: string
  /** base64 */
  readonly secret: string
}

/** Algorithms, and what `node:crypto` calls them. */
export const algorithms: Readonly<Record<string, string>> = {
  'hmac-sha224': 'sha224',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
}

const [soa, txt, tsig] = [6, 16, 250]
const [internet, none, any] = [1, 254, 255]
const opcodeUpdate = 5 << 11

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const int32 = (value: number): Buffer => Buffer.concat([int16(value >>> 16), int16(value & 0xffff)])
const int48 = (value: number): Buffer => Buffer.concat([int16(Math.floor(value / 2 ** 32)), int32(value % 2 ** 32)])

/** A name as messages have it, lower case and whole: lengths and labels. */
function nameOf(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.')
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'ascii')]),
    Buffer.alloc(1),
  ])
}

function record(
  name: Buffer,
  { type, group, ttl, data }: { type: number; group: number; ttl: number; data: Buffer },
): Buffer {
  return Buffer.concat([name, int16(type), int16(group), int32(ttl), int16(data.length), data])
}

/** One TXT record of a zone that is to be there, or not. */
export interface Update {
  readonly zone: string
  readonly name: string
  /** 255 characters at most. */
  readonly text: string
  readonly wanted: boolean
}

/** A message that changes a zone (RFC 2136), signed. */
export function updateMessage(
  { zone, name, text, wanted }: Update,
  key: TsigKey,
  now = Date.now(),
): { id: number; message: Buffer } {
  const id = randomInt(1, 65_536)
  const data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'ascii')])
  const change = wanted ? { type: txt, group: internet, ttl: 60, data } : { type: txt, group: none, ttl: 0, data }
  const body = Buffer.concat([nameOf(zone), int16(soa), int16(internet), record(nameOf(name), change)])
  const head = (additional: number): Buffer => Buffer.concat([id, opcodeUpdate, 1, 0, 1, additional].map(int16))
  return { id, message: Buffer.concat([head(1), body, signature(Buffer.concat([head(0), body]), { id, key, now })]) }
}

/** The TSIG record of a message (RFC 8945 §4.2, §4.3.3). */
function signature(message: Buffer, { id, key, now }: { id: number; key: TsigKey; now: number }): Buffer {
  const [name, algorithm] = [nameOf(key.name), nameOf(key.algorithm)]
  const time = Buffer.concat([int48(Math.floor(now / 1000)), int16(300)])
  const variables = Buffer.concat([name, int16(any), int32(0), algorithm, time, int16(0), int16(0)])
  const mac = createHmac(algorithms[key.algorithm] ?? 'sha256', Buffer.from(key.secret, 'base64'))
    .update(message)
    .update(variables)
    .digest()
  const data = Buffer.concat([algorithm, time, int16(mac.length), mac, int16(id), int16(0), int16(0)])
  return record(name, { type: tsig, group: any, ttl: 0, data })
}

/** Codes of answers, in words (RFC 2136 §2.2, RFC 8945 §3). */
const codes: Readonly<Record<number, string>> = {
  1: 'does not understand it',
  2: 'failed',
  4: 'takes no updates',
  5: 'refuses it: the key may not change this name, or updates come from elsewhere alone',
  9: 'does not accept the key, or is not the one that has the zone',
  10: 'does not have this zone',
}

/** What a server says against an update; null: nothing, it is done. */
export function refusalIn(answer: Buffer, id: number): string | null {
  if (answer.length < 12 || answer.readUInt16BE(0) !== id || ((answer[2] ?? 0) & 0x80) === 0)
    return 'answers with what is no answer'
  const code = (answer[3] ?? 0) & 0x0f
  return code === 0 ? null : (codes[code] ?? `answers with code ${code}`)
}
