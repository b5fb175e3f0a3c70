import { posix } from 'node:path'
import type { Tree } from '../tree.js'

/** So many are read. */
const most = 100

/** How the build files of a tool are read. */
export interface BuildFiles {
  readonly file: string
  /** Takes comments out. */
  readonly plain: (text: string) => string
  /** The folders that one takes in, as it names them. */
  readonly folders: (text: string) => readonly string[]
}

/** The text of the build file at the top, and of those in the folders that it takes in, as those do. */
export function readBuildFiles(tree: Tree, { file, plain, folders }: BuildFiles): string {
  const texts: string[] = []
  const seen = new Set<string>()
  const waiting = ['.']
  for (let directory = waiting.shift(); directory !== undefined && seen.size < most; directory = waiting.shift()) {
    if (seen.has(directory)) continue
    seen.add(directory)
    const text = plain(tree.read(posix.join(directory, file)) ?? '')
    texts.push(text)
    for (const below of folders(text)) waiting.push(posix.join(directory, below))
  }
  return texts.join('\n')
}
