import { readFileSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import type { Attributes } from './layer-writer.js'

/** What a COPY put into a layer: by path, all that the layer's archive says of it (`lineOf`). Directories that were there are not in it. */
export type Copies = Map<string, string>

/** @param content SHA-256 in hex of a file's, a link's target, nothing of a directory, whose time says nothing either */
export function lineOf(
  type: 'file' | 'symlink' | 'directory',
  { mode, uid, gid, mtime }: Attributes,
  content: string,
): string {
  const time = type === 'directory' ? 0 : Math.floor(mtime)
  return `${type} ${(mode & 0o7777).toString(8)} ${String(uid)} ${String(gid)} ${String(time)} ${content}`
}

/** A layer that an earlier run of the same instruction made, and where what it copied is written. */
export interface Earlier {
  readonly directory: string
  readonly copies: string
}

export const writeCopies = (path: string, copies: Copies): void => writeFileSync(path, serialize(copies))

/** Finds files that need not be written again, for an earlier layer has the same at the same path. Layers are never written to. */
export function openEarlier(earlier: Earlier | undefined): (path: string, line: string) => string | undefined {
  const copies = earlier && readCopies(earlier)
  return (path, line) => (earlier && copies?.get(path) === line ? earlier.directory + path : undefined)
}

/** What an earlier COPY put into its layer, if that can be told. */
export function readCopies({ copies }: Earlier): Copies | undefined {
  try {
    const value: unknown = deserialize(readFileSync(copies))
    return value instanceof Map ? (value as Copies) : undefined
  } catch {
    return undefined // torn by a power cut, or removed: all is written again
  }
}
