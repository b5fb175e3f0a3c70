import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { readIndexFile, writeIndexFile } from './index-file.js'
import { withUnchanged } from './stamp.js'
import { scan, scanLive } from './scan.js'
import type { FileIndex, IndexEntry } from './index-file.js'
import { ignoreFiles, ignoredPaths } from './ignore.js'
import { readContextText } from './read-text.js'
import { recall, remember } from './digest-cache.js'

/** A directory that is to be a build context. */
export interface ContextTask {
  readonly directory: string
  /** Where its index file is, or goes. */
  readonly indexFile: string
  /** The index file is there already. */
  readonly scanned: boolean | undefined
  readonly dockerfile: string
  /** Where the digests of its files are kept for the next build, when others may write to the directory. */
  readonly digestCache: string | undefined
}

/**
 * Reads the Dockerfile of a context and takes what the ignore file names out of the indexFile: nothing that is not in that
 * is seen by a COPY. The Dockerfile and the ignore file themselves can be read before. `hides` says whether the
 * directory has files that the index file has not. Synchronous: for a worker thread.
 * @throws EngineError `invalid` when the Dockerfile is missing, empty, a link or too large, or a pattern is none
 */
export function prepareContext(task: ContextTask): { text: string; hides: boolean } {
  const { directory, indexFile, dockerfile } = task
  const fileIndex = fileIndexOf(task)
  const text = readDockerfile(directory, fileIndex, dockerfile)
  const ignoreFile = ignoreFiles(dockerfile).find((name) => fileIndex.get(`/${name}`)?.type === 'file')
  const patterns = ignoreFile === undefined ? '' : read(directory, ignoreFile, fileIndex.get(`/${ignoreFile}`))
  const ignored = ignoredPaths(patterns, fileIndex)
  for (const path of ignored) fileIndex.delete(path)
  writeIndexFile(indexFile, fileIndex)
  return { text, hides: ignored.length > 0 }
}

function fileIndexOf({ directory, indexFile, scanned, digestCache: memory }: ContextTask): FileIndex {
  if (scanned) return readIndexFile(indexFile)
  if (memory === undefined) return scan(directory)
  const digests = recall(memory)
  const fileIndex = scanLive(directory, digests)
  remember(memory, digests)
  return fileIndex
}

/** Reads it as the file index knows it, so that a link cannot lead out of the context. */
function readDockerfile(directory: string, fileIndex: FileIndex, name: string): string {
  const entry = fileIndex.get(`/${name}`)
  if (entry?.type === 'symlink')
    throw new EngineError('invalid', `the Dockerfile "${name}" is a symbolic link: name the file it leads to`)
  if (entry?.type !== 'file') throw new EngineError('invalid', `Cannot locate specified Dockerfile: ${name}`)
  if (entry.size === 0) throw new EngineError('invalid', `the Dockerfile (${name}) cannot be empty`)
  return read(directory, name, entry)
}

function read(directory: string, name: string, entry: IndexEntry | undefined): string {
  const path = join(directory, name)
  if (entry?.stamp === undefined) return readContextText(path, name)
  return withUnchanged(path, entry.stamp, (fd) => readContextText(`/proc/self/fd/${String(fd)}`, name))
}
