import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { PassThrough, pipeline, type Readable } from 'node:stream'
import { constants, createGunzip, gunzipSync } from 'node:zlib'
import { codeOf, EngineError } from '../errors.js'

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd'

/** First bytes of each format, in hex. */
const magic: Readonly<Record<Exclude<Compression, 'none'>, string>> = {
  gzip: '1f8b',
  bzip2: '425a68',
  xz: 'fd377a585a00',
  zstd: '28b52ffd',
}

/** xz takes as much memory as an archive says, unless told: `xz -9` needs 65 MiB. */
const programs = {
  bzip2: ['bzip2', '-dc'],
  xz: ['xz', '-dc', '--memlimit-decompress=256MiB'],
  zstd: ['zstd', '-dc'],
} as const

/** How a stream is compressed, told by its first bytes. */
const compressionOf = (head: Buffer): Compression =>
  (Object.keys(magic) as (keyof typeof magic)[]).find((kind) => head.toString('hex').startsWith(magic[kind])) ?? 'none'

/** How a tar archive is compressed; undefined when the file, or what is compressed in it, is no tar archive. */
export function archiveOf(path: string): Compression | undefined {
  const buffer = Buffer.alloc(65536)
  const fd = openSync(path, 'r')
  const head = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0))
  closeSync(fd)
  const kind = compressionOf(head)
  const start = kind === 'none' ? head : startOf(kind, head)
  return start.toString('latin1', 257, 262) === 'ustar' ? kind : undefined
}

/** How a file is compressed. */
export function compressionOfFile(path: string): Compression {
  const head = Buffer.alloc(6)
  const fd = openSync(path, 'r')
  try {
    return compressionOf(head.subarray(0, readSync(fd, head, 0, head.length, 0)))
  } finally {
    closeSync(fd)
  }
}

/** What the first bytes of a compressed file decompress to; empty when they do not. */
function startOf(kind: Exclude<Compression, 'none'>, head: Buffer): Buffer {
  if (kind !== 'gzip') {
    const [program, ...args] = programs[kind]
    return spawnSync(program, args, { input: head, maxBuffer: 1 << 26 }).stdout
  }
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return Buffer.alloc(0)
  }
}

/** The decompressed stream. Errors of the source and of the format surface on it. */
export function decompress(source: Readable, kind: Compression): Readable {
  if (kind === 'none') return source
  const out = new PassThrough()
  const fail = (cause: unknown) => out.destroy(new EngineError('invalid', `cannot decompress ${kind} data`, cause))
  // They may fail before anybody reads them, who then hears of it all the same: unheard, an error ends the engine.
  out.on('error', () => undefined)
  if (kind === 'gzip') {
    // an end that comes too early is found out after everything was written, when the pipeline looks no more
    const gunzip = createGunzip({ chunkSize: 1 << 16 }).on('error', fail)
    pipeline(source, gunzip, (error) => {
      if (error && codeOf(error)?.startsWith('Z_') !== true) out.destroy(error)
    })
    gunzip.pipe(out)
    out.on('close', () => gunzip.destroy())
    return out
  }
  const [program, ...args] = programs[kind]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  child.on('error', fail)
  child.on('close', (code) => (code === 0 ? out.end() : fail(undefined)))
  child.stdout.pipe(out, { end: false })
  pipeline(source, child.stdin, (error) => {
    if (error) fail(error)
  })
  out.on('close', () => child.kill('SIGKILL'))
  return out
}

/** Looks at a stream's first bytes and decompresses it if they say so. */
export async function autoDecompress(source: Readable): Promise<Readable> {
  const head = await peek(source, 6)
  return decompress(source, compressionOf(head))
}

/** The first `length` bytes, put back for whoever reads the stream next; fewer when it is shorter. */
async function peek(source: Readable, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let size = 0; size < length;) {
    const chunk = source.read() as Buffer | null
    if (chunk) {
      parts.push(chunk)
      size += chunk.length
    } else if (source.readableEnded || source.destroyed) break
    else if (!(await readable(source))) break
  }
  const head = Buffer.concat(parts)
  if (head.length > 0) source.unshift(head)
  return head
}

/** Waits for data; false at the end. */
const readable = (source: Readable): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const done = (more: boolean, error?: Error) => {
      source.off('readable', onReadable).off('end', onEnd).off('error', onError).off('close', onEnd)
      if (error) reject(error)
      else resolve(more)
    }
    const onReadable = () => done(source.readableLength > 0 || !source.readableEnded)
    const onEnd = () => done(false)
    const onError = (error: Error) => done(false, error)
    source.once('readable', onReadable).once('end', onEnd).once('error', onError).once('close', onEnd)
  })
