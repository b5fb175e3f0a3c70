import { createHash } from 'node:crypto'
import { readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path/posix'
import { codeOf, EngineError } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import { type FileStat, readlinkAt } from '../kernel/at.js'
import { walk } from '../system/walk.js'
import { open } from './files.js'
import { noFollow, changed, stampOf, withUnchanged } from './stamp.js'
import type { FileIndex, IndexEntry } from './index-file.js'

/** Content digests of files by their stamps: what has not changed need not be read again. */
export type Digests = Map<string, string>

/** The file index of a directory that nothing writes to. Devices and sockets are not in it. For a worker thread. */
export const scan = (directory: string): FileIndex =>
  visitAll(directory, (path, stat) => (stat.isFile() ? { content: digestFile(path) } : {}))

/** Files changed less than this before they are read may change again without another stamp. */
const clockMs = 2000

/**
 * The file index of a directory that its owner may write to meanwhile: its files are stamped, so that who reads them later
 * can tell. `known` is used and then replaced: it holds what of this directory can be believed the next time.
 * @param directory its real path: a file that another leads to is not in it
 * @throws EngineError `conflict` when something changes while it is read
 */
export function scanLive(directory: string, known: Digests): FileIndex {
  const before = new Map(known)
  known.clear()
  const settled = Date.now() - clockMs
  const read: ReadFile = (path, stat) => {
    const { uid, gid, mtimeMs } = stat
    const seen = { uid, gid, mtimeMs }
    if (!stat.isFile()) return { seen }
    const stamp = stampOf(stat)
    const content = before.get(stamp) ?? withUnchanged(path, stamp, (fd) => digestIn(fd, path))
    if (stat.ctimeMs < settled) known.set(stamp, content)
    return { content, stamp, seen }
  }
  try {
    return visitAll(directory, read)
  } catch (error) {
    if (gone.has(codeOf(error) ?? '')) throw changed(directory, error)
    throw error
  }
}

/** What a directory or a link fails with that is none any more. */
const gone = new Set(['ENOENT', 'ENOTDIR', 'EINVAL'])

/** @throws EngineError `conflict` when a directory on the way has become a link, which may lead to anybody's files */
function digestIn(fd: number, path: string): string {
  if (readlinkSync(`/proc/self/fd/${String(fd)}`) !== join(path)) throw changed(path)
  return digestOf(fd)
}

/** As in an archive that comes as a context. */
const longestPath = 4096

/** What is known of something, the content only of a file. */
type ReadFile = (path: string, stat: FileStat) => Partial<Pick<IndexEntry, 'content' | 'stamp' | 'seen'>>

function visitAll(directory: string, read: ReadFile): FileIndex {
  const fileIndex: FileIndex = new Map()
  for (const { kind, dir, name, path, stat } of walk(directory)) {
    if (kind === 'left') continue
    const here = `/${path.toString()}`
    if (!name.equals(Buffer.from(name.toString())))
      throw new EngineError('invalid', `the name of "${here}" is not UTF-8: give the file another`)
    const mode = stat.mode & 0o7777
    const entry = { mode, content: '', size: 0, ...read(directory + here, stat) }
    if (stat.isDirectory()) {
      // what is copied of a context is found by its path
      if (path.length > longestPath) throw new EngineError('invalid', `the path of "${here}" is too long to be built`)
      fileIndex.set(here, { ...entry, type: 'directory' })
    } else if (stat.isSymbolicLink())
      fileIndex.set(here, { ...entry, type: 'symlink', content: readlinkAt(dir, name).toString() })
    else if (stat.isFile()) fileIndex.set(here, { ...entry, type: 'file', size: stat.size })
  }
  return fileIndex
}

/** SHA-256 of a file's content, in hex. */
export function digestFile(path: string): string {
  const fd = open(path, noFollow)
  try {
    return digestOf(fd)
  } finally {
    closeDescriptor(fd)
  }
}

/** SHA-256 of what there is to read. */
function digestOf(fd: number): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(1 << 18)
  for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read))
  return hash.digest('hex')
}
