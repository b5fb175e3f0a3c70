/** One entry of an archive. Names are bytes: a name need not be UTF-8. */
export interface TarHeader {
  readonly name: Buffer
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes that follow the header. */
  readonly size: number
  /** Whole seconds. */
  readonly mtime: number
  readonly linkname?: Buffer
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: readonly (readonly [name: string, value: Buffer])[]
}

export const blockSize = 512

const flags = { file: '0', link: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' }

/** The largest numbers that the octal fields hold; beyond them the value travels in a pax record. */
const largest = { id: 0o7777777, size: 0o77777777777 }

/**
 * Encodes a header as POSIX.1-2001 pax: a ustar block, preceded by an extended header only where ustar cannot say it.
 * The bytes are a function of the header alone: a layer's diff id is the digest of these, so they must never change.
 */
export function encodeHeader(header: TarHeader): Buffer {
  const records: Buffer[] = []
  const name = header.name
  const link = header.linkname ?? Buffer.alloc(0)
  if (name.length > 100 || !isAscii(name)) records.push(record('path', name))
  if (link.length > 100 || !isAscii(link)) records.push(record('linkpath', link))
  if (header.size > largest.size) records.push(record('size', Buffer.from(String(header.size))))
  if (header.uid > largest.id) records.push(record('uid', Buffer.from(String(header.uid))))
  if (header.gid > largest.id) records.push(record('gid', Buffer.from(String(header.gid))))
  if (header.mtime < 0 || header.mtime > largest.size) records.push(record('mtime', Buffer.from(String(header.mtime))))
  for (const [key, value] of header.xattrs ?? []) records.push(record(`SCHILY.xattr.${key}`, value))
  const block = ustar(header, name, link, flags[header.type])
  if (records.length === 0) return block
  const body = Buffer.concat(records)
  const extended = { ...header, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: body.length, major: 0, minor: 0 }
  return Buffer.concat([ustar(extended, Buffer.from('PaxHeaders/entry'), Buffer.alloc(0), 'x'), padded(body), block])
}

/** Zeros that fill the last block of `size` bytes. */
export const padding = (size: number): Buffer => Buffer.alloc((blockSize - (size % blockSize)) % blockSize)

/** What closes an archive: two empty blocks. */
export const endOfArchive = Buffer.alloc(2 * blockSize)

const padded = (body: Buffer): Buffer => Buffer.concat([body, padding(body.length)])

const isAscii = (text: Buffer): boolean => text.every((byte) => byte > 0 && byte < 0x80)

/** `length key=value\n`, the length counting itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function ustar(header: TarHeader, name: Buffer, link: Buffer, flag: string): Buffer {
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, offset: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), offset, length - 1, 'latin1')
  const clamp = (value: number, max: number) => (value < 0 || value > max ? 0 : value)
  name.copy(block, 0, 0, 100)
  octal(header.mode & 0o7777, 100, 8)
  octal(clamp(header.uid, largest.id), 108, 8)
  octal(clamp(header.gid, largest.id), 116, 8)
  octal(clamp(header.size, largest.size), 124, 12)
  octal(clamp(header.mtime, largest.size), 136, 12)
  block.write(flag, 156, 'latin1')
  link.copy(block, 157, 0, 100)
  block.write('ustar\x0000', 257, 'latin1')
  octal(header.major ?? 0, 329, 8)
  octal(header.minor ?? 0, 337, 8)
  block.fill(' ', 148, 156)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
