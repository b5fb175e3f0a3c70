import { readFileSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import type { Attributes } from './layer-writer.js'
import { lstatOr } from './tree.js'

/** SHA-256 in hex by path: what a COPY put into a layer. */
export type Copies = Map<string, string>

/** A layer that an earlier run of the same instruction made, and where what it copied is written. */
export interface Earlier {
  readonly directory: string
  readonly copies: string
}

export const writeCopies = (path: string, copies: Copies): void => writeFileSync(path, serialize(copies))

/**
 * Finds files that need not be written again, for an earlier layer has the same at the same path: in content, owner, mode
 * and, to the second, time, which is all that the archive of a layer says of a file. Layers are never written to.
 */
export function openEarlier(
  earlier: Earlier | undefined,
): (path: string, digest: string, wanted: Attributes) => string | undefined {
  const copies = earlier && readCopies(earlier.copies)
  return (path, digest, { mode, uid, gid, mtime }) => {
    if (!earlier || copies?.get(path) !== digest) return undefined
    const place = earlier.directory + path
    const stat = lstatOr(place)
    const same =
      stat?.isFile() &&
      (stat.mode & 0o7777) === (mode & 0o7777) &&
      stat.uid === uid &&
      stat.gid === gid &&
      Math.floor(stat.mtimeMs / 1000) === Math.floor(mtime)
    return same ? place : undefined
  }
}

function readCopies(path: string): Copies | undefined {
  try {
    const value: unknown = deserialize(readFileSync(path))
    return value instanceof Map ? (value as Copies) : undefined
  } catch {
    return undefined // torn by a power cut, or removed: all is written again
  }
}
