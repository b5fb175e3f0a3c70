import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline, Transform, type Duplex, type Readable, type TransformCallback } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { BerthError, messageOf } from '../../errors.js'
import { UsageError } from '../failure.js'
import type { ArchiveEntry } from './import.js'
import { entriesOfZip } from './zip.js'

/** Bytes that say what a file is: up to a tar's own mark. */
const headBytes = 512
/** Bytes of a tar, unpacked: its files and what stands between them. */
const maxUnpacked = 6 * 1024 ** 3

type Format = 'tar' | 'gzip' | 'zstd' | 'zip'

/** Kinds of archives by their first bytes; those that are not read are named all the same. */
const formats: readonly (readonly [format: Format | null, name: string, at: number, bytes: string])[] = [
  ['gzip', 'gzip', 0, '1f8b'],
  ['zstd', 'zstd', 0, '28b52ffd'],
  ['zip', 'zip', 0, '504b0304'],
  ['zip', 'zip', 0, '504b0506'],
  ['tar', 'tar', 257, '7573746172'],
  [null, 'bzip2', 0, '425a68'],
  [null, 'xz', 0, 'fd377a585a00'],
  [null, '7z', 0, '377abcaf271c'],
  [null, 'rar', 0, '526172211a07'],
]

const damaged = (error: unknown): BerthError =>
  new BerthError('invalid', `the archive is damaged: ${messageOf(error)}`, 'make it anew', error)

/**
 * The files of an archive: tar, alone or compressed by gzip or zstd, or zip; which it is is said by what it holds, not by its name.
 * @param file `-` is standard input
 * @throws UsageError for what is none of these
 */
export async function* entriesOfArchive(file: string): AsyncGenerator<ArchiveEntry> {
  const fromInput = file === '-'
  if (!fromInput && !(await stat(file)).isFile()) throw new UsageError(`${file} is neither a directory nor a file`)
  const source = fromInput ? process.stdin : createReadStream(file)
  const head = fromInput ? await firstBytes(source) : await headOf(file)
  const format = formatOf(head, file)
  if (format === 'zip') {
    source.destroy()
    if (fromInput) throw new UsageError('a zip cannot be read from standard input', 'give it as a file, or send a tar')
    yield* entriesOfZip(file)
  } else yield* entriesOfTar(source, format)
}

function formatOf(head: Buffer, file: string): Format {
  const [found, name] =
    formats.find(([, , at, bytes]) => head.subarray(at, at + bytes.length / 2).equals(Buffer.from(bytes, 'hex'))) ?? []
  if (found) return found
  throw new UsageError(
    name === undefined
      ? `${file === '-' ? 'standard input' : file} is no archive: neither tar nor zip`
      : `archives of ${name} are not read`,
    'tar (alone, or by gzip or zstd) and zip are; or deploy a directory',
  )
}

async function headOf(file: string): Promise<Buffer> {
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
  return buffer.subarray(0, bytesRead)
}

/** What a stream begins with; it is put back. */
async function firstBytes(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    pieces.push(piece as Buffer)
    if ((length += (piece as Buffer).length) >= headBytes) break
  }
  const head = Buffer.concat(pieces)
  if (!stream.readableEnded) stream.unshift(head)
  return head
}

/** Ends an archive that never ends: what its headers say of sizes is not all that there is. */
class Budget extends Transform {
  #left = maxUnpacked

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length
    if (this.#left < 0) done(new Error(`it is more than ${String(maxUnpacked / 1024 ** 3)} GiB, unpacked`))
    else done(null, chunk)
  }
}

const decompressors: Readonly<Record<Exclude<Format, 'zip'>, () => Duplex[]>> = {
  tar: () => [],
  gzip: () => [createGunzip()],
  zstd: () => [createZstdDecompress()],
}

async function* entriesOfTar(source: Readable, format: Exclude<Format, 'zip'>): AsyncGenerator<ArchiveEntry> {
  const tar = extract()
  const ended = Promise.withResolvers<Error | null>()
  pipeline([source, ...decompressors[format](), new Budget(), tar], (error) => ended.resolve(error ?? null))
  try {
    for await (const entry of tar) {
      const made = entryOf(entry.header, contentOf(entry as AsyncIterable<Uint8Array>))
      if (made) yield made
      entry.resume()
    }
  } catch (error) {
    if (error instanceof BerthError) throw error
    throw damaged(error)
  } finally {
    source.destroy()
  }
  const error = await ended.promise
  if (error) throw damaged(error)
}

/** What breaks off in the middle of a file breaks off there, and not where the entries are read. */
async function* contentOf(entry: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* entry
  } catch (error) {
    throw damaged(error)
  }
}

/** null for a directory: git keeps none without files. @throws BerthError `invalid` */
function entryOf(
  { name, type, size, mode, linkname }: Header,
  content: AsyncIterable<Uint8Array>,
): ArchiveEntry | null {
  const entry = { name, size, executable: (mode & 0o100) !== 0, content, target: (linkname as string | null) ?? '' }
  if (type === 'directory') return null
  if (type === 'file' || type === 'contiguous-file') return { ...entry, kind: 'file' }
  if (type === 'symlink') return { ...entry, kind: 'link' }
  if (type === 'link') return { ...entry, kind: 'alias' }
  throw new BerthError(
    'invalid',
    `the archive's entry ${JSON.stringify(name.slice(0, 80))} is ${(type as string | null) ?? 'of a kind that is not known'}: files, directories and links are deployed`,
    'make the archive anew, without it',
  )
}
