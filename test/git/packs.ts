import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { pkt } from '../../src/git/pkt-line.js'
import type { GitRig } from './rig.js'

const types = { commit: 1, tree: 2, blob: 3, delta: 7 } as const

/** An object as git names it. */
export interface GitObject {
  readonly type: 'commit' | 'tree' | 'blob'
  readonly data: Buffer
  readonly oid: string
}

const sha1 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export function object(type: GitObject['type'], data: Buffer | string): GitObject {
  const bytes = Buffer.from(data)
  return { type, data: bytes, oid: sha1(`${type} ${String(bytes.length)}\0`, bytes).toString('hex') }
}

/** @param entries mode, name, oid; in git's order */
export const tree = (entries: readonly (readonly [string, string, string])[]): GitObject =>
  object(
    'tree',
    Buffer.concat(entries.flatMap(([mode, name, oid]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')])),
  )

const who = 'Test <test@localhost> 1700000000 +0000'
export const commit = (treeOid: string, ...parents: readonly string[]): GitObject =>
  object(
    'commit',
    `tree ${treeOid}\n${parents.map((oid) => `parent ${oid}\n`).join('')}author ${who}\ncommitter ${who}\n\nchange\n`,
  )

/** gitformat-pack(5), "Pack entry". */
function header(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 15)]
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80
    bytes.push(rest & 0x7f)
  }
  return Buffer.from(bytes)
}

/** A size as a delta begins with two of. */
function varint(size: number): Buffer {
  const bytes: number[] = []
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest & 0x7f) | (rest >= 128 ? 0x80 : 0))
    if (rest < 128) return Buffer.from(bytes)
  }
}

export const entry = ({ type, data }: GitObject): Buffer =>
  Buffer.concat([header(types[type], data.length), deflateSync(data)])

/** A delta that is its base so many times over, seven bytes for each, and then up to 127 bytes that make it another's. */
export function multiply(base: GitObject, times: number, end = ''): Buffer {
  const size = base.data.length
  const copy = Buffer.from([0xf0, size & 255, (size >> 8) & 255, (size >> 16) & 255])
  const insert = end === '' ? [] : [Buffer.from([end.length]), Buffer.from(end)]
  const sizes = [varint(size), varint(size * times + end.length)]
  const delta = Buffer.concat([...sizes, ...Array.from({ length: times }, () => copy), ...insert])
  return Buffer.concat([header(types.delta, delta.length), Buffer.from(base.oid, 'hex'), deflateSync(delta)])
}

/** @param count what the header says, if not the truth */
export function pack(entries: readonly Buffer[], count = entries.length): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1')
  head.writeUInt32BE(count, 8)
  const body = Buffer.concat([head, ...entries])
  return Buffer.concat([body, sha1(body)])
}

export const none = '0'.repeat(40)
export const authorization = (token: string): string => `Basic ${Buffer.from(`x:${token}`).toString('base64')}`

/** The list of refs that a push begins with. */
export const head = (...commands: readonly (readonly [string, string, string])[]): Buffer =>
  Buffer.concat([
    ...commands.map(([old, to, ref], at) =>
      pkt(`${old} ${to} ${ref}${at === 0 ? '\0 report-status side-band-64k agent=test' : ''}`),
    ),
    Buffer.from('0000'),
  ])

/** Pushes what no git would. @returns everything that was answered */
export async function push(
  rig: GitRig,
  app: string,
  body: Buffer,
  headers = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${rig.url}/${app}.git/git-receive-pack`, {
    method: 'POST',
    headers: { authorization: authorization(rig.token), ...headers },
    body,
  })
  return { status: response.status, text: await response.text() }
}

/** Pushes objects to `main`, the last of which is the commit. */
export const pushObjects = (rig: GitRig, app: string, objects: readonly GitObject[]): ReturnType<typeof push> =>
  push(
    rig,
    app,
    Buffer.concat([head([none, objects.at(-1)?.oid ?? none, 'refs/heads/main']), pack(objects.map(entry))]),
  )
