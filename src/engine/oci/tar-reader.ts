import { EngineError } from '../errors.js'
import { textOf } from '../kernel/at.js'
import { blockSize, type TarHeader } from './tar-header.js'

/** One entry as read; `name` and `linkname` as the archive has them, hostile or not. */
export interface TarEntry {
  readonly name: string
  readonly type: TarHeader['type']
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds, finite. */
  readonly mtime: number
  readonly linkname: string
  readonly major: number
  readonly minor: number
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[]
}

/** Receives a file's bytes; `close` comes after the last. */
export interface EntryWriter {
  write(chunk: Buffer): void
  close(): void
}

/** A pax header or a long name larger than this is an attack on memory, not a name. */
const metaLimit = 1 << 20

/** PATH_MAX of Linux: no path of an archive that is longer can be made. */
const longestPath = 4096

const types: Readonly<Record<string, TarHeader['type']>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

const bad = (why: string): EngineError => new EngineError('invalid', `unreadable archive: ${why}`)

/**
 * Reads a tar archive pushed to it in chunks of any size: v7, ustar, pax and GNU long names. Synchronous: the handler
 * sees an entry the moment its header is whole. It checks the format only; where entries may point is the handler's.
 */
export class TarReader {
  readonly #open: (entry: TarEntry) => EntryWriter | undefined
  /** Sees every byte that goes to no writer, in order. */
  readonly #tap: ((bytes: Buffer) => void) | undefined
  #pending: Buffer = Buffer.alloc(0)
  #left = 0
  #padding = 0
  #writer: EntryWriter | undefined
  #meta: { kind: string; parts: Buffer[] } | undefined
  #pax = new Map<string, Buffer>()
  #global = new Map<string, Buffer>()
  /** Bytes of extended headers since the last entry, and of global ones: many small ones are as bad as a large one. */
  #said = { entry: 0, global: 0 }
  #ended = false

  constructor(open: (entry: TarEntry) => EntryWriter | undefined, tap?: (bytes: Buffer) => void) {
    this.#open = open
    this.#tap = tap
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left)
        at += part.length
        this.#left -= part.length
        if (this.#writer) this.#writer.write(part)
        else this.#tap?.(part)
        this.#meta?.parts.push(Buffer.from(part))
        if (this.#left === 0) this.#finish()
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at)
        this.#padding -= skipped
        this.#tap?.(chunk.subarray(at, at + skipped))
        at += skipped
      } else {
        const part = chunk.subarray(at, at + blockSize - this.#pending.length)
        at += part.length
        this.#tap?.(part)
        this.#pending = this.#pending.length === 0 ? part : Buffer.concat([this.#pending, part])
        if (this.#pending.length < blockSize) {
          this.#pending = Buffer.from(this.#pending)
          return
        }
        const block = this.#pending
        this.#pending = Buffer.alloc(0)
        this.#header(block)
      }
    }
    if (at < chunk.length) this.#tap?.(chunk.subarray(at))
  }

  /** @throws EngineError `invalid` when the archive stops in the middle */
  end(): void {
    if (this.#left > 0 || this.#pending.length > 0) throw bad('it ends in the middle of an entry')
  }

  /** Lets go of a file that was being written, for a stream that broke off. */
  abort(): void {
    this.#writer?.close()
    this.#writer = undefined
    this.#ended = true
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#ended = true
      return
    }
    checkSum(block)
    const flag = block.toString('latin1', 156, 157)
    const size = this.#number('size', block, 124, 12)
    if (!Number.isSafeInteger(size) || size < 0) throw bad(`an entry claims ${String(size)} bytes`)
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      const plain = numeric(block, 124, 12)
      const of = flag === 'g' ? 'global' : 'entry'
      if (plain < 0 || (this.#said[of] += plain) > metaLimit)
        throw bad('the extended headers of an entry are larger than 1 MiB')
      this.#meta = { kind: flag, parts: [] }
      this.#body(plain)
      return
    }
    const type = types[flag]
    if (!type) throw bad(`entry type ${JSON.stringify(flag)} is not supported`)
    const name = this.#text('path', text(block, 0, 100), block)
    const entry: TarEntry = {
      name,
      type: type === 'file' && name.endsWith('/') ? 'directory' : type,
      mode: numeric(block, 100, 8) & 0o7777,
      uid: this.#number('uid', block, 108, 8),
      gid: this.#number('gid', block, 116, 8),
      size: type === 'file' ? size : 0,
      mtime: this.#number('mtime', block, 136, 12),
      linkname: this.#text('linkpath', text(block, 157, 100)),
      major: numeric(block, 329, 8),
      minor: numeric(block, 337, 8),
      xattrs: [...this.#pax].flatMap(([key, value]): [string, Buffer][] =>
        key.startsWith('SCHILY.xattr.') ? [[key.slice(13), value]] : [],
      ),
    }
    if ([...this.#pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw bad('sparse files are not supported')
    this.#pax.clear()
    this.#said.entry = 0
    this.#writer = this.#open(entry)
    // Only files have a body; some writers give hard links a size, and no data (POSIX pax, "size").
    this.#body(entry.type === 'file' ? size : 0)
  }

  #body(size: number): void {
    this.#left = size
    this.#padding = (blockSize - (size % blockSize)) % blockSize
    if (size === 0) this.#finish()
  }

  #finish(): void {
    const writer = this.#writer
    const meta = this.#meta
    this.#writer = undefined
    this.#meta = undefined
    writer?.close()
    if (!meta) return
    const body = Buffer.concat(meta.parts)
    if (meta.kind === 'x') for (const [key, value] of records(body)) this.#pax.set(key, value)
    else if (meta.kind === 'g') for (const [key, value] of records(body)) this.#global.set(key, value)
    else this.#pax.set(meta.kind === 'L' ? 'path' : 'linkpath', until0(body))
  }

  #text(key: 'path' | 'linkpath', plain: string, block?: Buffer): string {
    const given = this.#pax.get(key) ?? this.#global.get(key)
    if (given?.includes(0)) throw bad(`a ${key} holds a zero byte`)
    if (given && given.length > longestPath) throw bad(`a ${key} is longer than ${String(longestPath)} bytes`)
    if (given) return textOf(given)
    const prefix = block?.toString('latin1', 257, 263) === 'ustar\0' ? text(block, 345, 155) : ''
    return prefix ? `${prefix}/${plain}` : plain
  }

  #number(key: 'size' | 'uid' | 'gid' | 'mtime', block: Buffer, offset: number, length: number): number {
    const given = this.#pax.get(key) ?? this.#global.get(key)
    if (!given) return numeric(block, offset, length)
    const text = given.toString('latin1')
    if (!/^-?\d{1,20}(\.\d{0,20})?$/.test(text)) throw bad(`${key} is no number`)
    return Number(text)
  }
}

const until0 = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

const text = (block: Buffer, offset: number, length: number): string =>
  textOf(until0(block.subarray(offset, offset + length)))

/** Octal, or GNU's base 256 when the first bit is set. */
function numeric(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0
  if (first & 0x80) {
    // a negative one by its complement: of large numbers only the first 53 bits are kept
    const negative = first === 0xff
    let value = negative ? 0 : first & 0x7f
    for (const byte of block.subarray(offset + 1, offset + length)) value = value * 256 + (negative ? 255 - byte : byte)
    return negative ? -value - 1 : value
  }
  const digits = text(block, offset, length).trim()
  if (digits === '') return 0
  if (!/^[0-7]+$/.test(digits)) throw bad(`${JSON.stringify(digits)} is no octal number`)
  return parseInt(digits, 8)
}

function checkSum(block: Buffer): void {
  let unsigned = 256
  let signed = 256
  for (const [index, byte] of block.entries()) {
    if (index >= 148 && index < 156) continue
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const stored = numeric(block, 148, 8)
  if (stored !== unsigned && stored !== signed) throw bad('a header has a wrong checksum (is it a tar archive at all?)')
}

/** The records of a pax extended header, `length key=value\n`. */
function records(body: Buffer): [string, Buffer][] {
  const found: [string, Buffer][] = []
  for (let at = 0; at < body.length;) {
    const [digits = ''] = /^\d{1,7}(?= )/.exec(body.toString('latin1', at, at + 8)) ?? []
    const end = at + Number(digits)
    const key = at + digits.length + 1
    const equals = body.indexOf(0x3d, key)
    if (digits === '' || end > body.length || equals <= key || equals >= end - 1 || body[end - 1] !== 0x0a)
      throw bad('a pax header is malformed')
    found.push([body.toString('utf8', key, equals), body.subarray(equals + 1, end - 1)])
    at = end
  }
  return found
}
