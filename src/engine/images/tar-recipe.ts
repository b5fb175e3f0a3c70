import { readFileSync, readSync, realpathSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { EngineError } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import { rawName, textOf } from '../kernel/at.js'
import { lstat, open } from './files.js'
import { noFollow } from './stamp.js'

/** Some 700,000 headers. They are held in memory, compressed, and what follows an archive's end is as well. */
const mostRaw = 1 << 30

/**
 * How to make again, to the byte, the archive a foreign layer came in. An image's configuration names its layers by the
 * digest of their archives, and no two tools write the same headers; so everything of an archive but the files' contents
 * is kept, compressed, and the contents are read from the layer's directory:
 *
 *     0 length:u32 bytes…             written as they are: headers, padding, what was not unpacked
 *     1 length:u32 path… size:u48     the content of a file
 */
export class Recorder {
  /** Bytes of the files recorded. */
  size = 0
  readonly #files = new Map<string, number>()
  readonly #packed: Buffer[] = []
  #parts: Buffer[] = []
  #pending: Buffer[] = []
  #held = 0
  #raw = 0

  /** Notes bytes that no file holds. */
  raw(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#pending.push(Buffer.from(bytes))
    this.#held += bytes.length
    if ((this.#raw += bytes.length) > mostRaw)
      throw new EngineError('invalid', 'unreadable archive: more than 1 GiB of it are no files')
    if (this.#held > 1 << 20) this.#pack()
  }

  /** Notes that a file's content follows. @throws EngineError `invalid` when an earlier content would be lost by it */
  file(path: string, size: number): void {
    if (size === 0) return
    if (this.#files.has(path))
      throw new EngineError('invalid', `duplicates of file paths not supported: ${JSON.stringify(path)}`)
    this.#files.set(path, size)
    this.size += size
    this.#flush()
    const name = bufferOf(path)
    const record = Buffer.alloc(1 + 4 + name.length + 6)
    record.writeUInt8(1)
    record.writeUInt32BE(name.length, 1)
    name.copy(record, 5)
    record.writeUIntBE(size, 5 + name.length, 6)
    this.#parts.push(record)
  }

  /** Writes the recipe, having seen that the layer still holds every file. @throws EngineError `invalid` */
  save(layer: string, target: string): void {
    const root = realpathSync.native(layer)
    for (const [path, size] of this.#files) {
      const stat = lstat(layer + path)
      // a directory on the way may have become a link, which would lead out of the layer
      if (
        !stat?.isFile() ||
        stat.size !== size ||
        realpathSync.native(rawName(layer + path), { encoding: 'buffer' }).compare(bufferOf(root + path)) !== 0
      )
        throw new EngineError('invalid', `duplicates of file paths not supported: ${JSON.stringify(path)}`)
    }
    this.#pack()
    writeFileSync(target, Buffer.concat(this.#packed))
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const bytes = Buffer.concat(this.#pending)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(bytes.length, 1)
    this.#parts.push(head, bytes)
    this.#pending = []
  }

  #pack(): void {
    this.#flush()
    this.#packed.push(gzipSync(Buffer.concat(this.#parts)))
    this.#parts = []
    this.#held = 0
  }
}

const bufferOf = (path: string): Buffer => Buffer.from(rawName(path) as string)

const chunkSize = 1 << 20

/** Bytes of the archive that a recipe was recorded from. Synchronous. */
export function replayLength(recipe: string): number {
  let total = 0
  for (const { bytes, size } of steps(recipe)) total += size ?? bytes.length
  return total
}

/** The archive that a recipe was recorded from. A chunk is valid until the next is asked for. Synchronous. */
export function* replay(layer: string, recipe: string): Generator<Buffer> {
  const chunk = Buffer.allocUnsafe(chunkSize)
  for (const { bytes, size } of steps(recipe))
    if (size === undefined) yield bytes
    else yield* content(layer + textOf(bytes), size, chunk)
}

/** @returns bytes as they are, or the path of a file and its size */
function* steps(recipe: string): Generator<{ bytes: Buffer; size?: number }> {
  const script = gunzipSync(readFileSync(recipe))
  for (let at = 0; at < script.length;) {
    const kind = script.readUInt8(at)
    const length = script.readUInt32BE(at + 1)
    const bytes = script.subarray(at + 5, at + 5 + length)
    at += 5 + length
    if (kind === 0) yield { bytes }
    else {
      yield { bytes, size: script.readUIntBE(at, 6) }
      at += 6
    }
  }
}

function* content(path: string, size: number, chunk: Buffer): Generator<Buffer> {
  const fd = open(path, noFollow)
  try {
    for (let left = size; left > 0;) {
      const read = readSync(fd, chunk, 0, Math.min(left, chunk.length), null)
      if (read === 0) throw new EngineError('broken', `"${path}" became shorter than its layer's archive says`)
      left -= read
      yield chunk.subarray(0, read)
    }
  } finally {
    closeDescriptor(fd)
  }
}
