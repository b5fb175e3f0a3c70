import { readFileSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'

/** What a build context holds, by path within it: enough to tell whether a step's sources changed. */
export interface IndexEntry {
  readonly type: 'file' | 'directory' | 'symlink'
  readonly mode: number
  /** SHA-256 in hex of a file's content, or a link's target. */
  readonly content: string
  readonly size: number
  /** Of a file that others may write to: see `stampOf`. */
  readonly stamp?: string
  /** Of what others may write to: what is taken of it is what was there when it was read. */
  readonly seen?: { readonly uid: number; readonly gid: number; readonly mtimeMs: number }
}

export type FileIndex = Map<string, IndexEntry>

/** The last one that was read: the steps of a build ask for the same one after another. */
let last: { readonly path: string; readonly fileIndex: FileIndex } | undefined

/**
 * Keeps what a context holds in a file, for the threads alone: it may have any number of entries, and handing it to the
 * engine's loop and back would stop that for as long as it takes to copy them.
 */
export function writeIndexFile(path: string, fileIndex: FileIndex): void {
  writeFileSync(path, serialize(fileIndex))
  last = { path, fileIndex }
}

export function readIndexFile(path: string): FileIndex {
  if (last?.path !== path) last = { path, fileIndex: deserialize(readFileSync(path)) as FileIndex }
  return last.fileIndex
}
