import { ignoring } from './ignore-patterns.js'
import type { FileIndex } from './index-file.js'

/** The ignore file of a build: `<Dockerfile>.dockerignore` beside the Dockerfile, else the context's own. */
export const ignoreFiles = (dockerfile: string): readonly string[] => [`${dockerfile}.dockerignore`, '.dockerignore']

/**
 * Paths of the file index that patterns leave out. A directory stays when something in it does.
 * @throws EngineError `invalid` when one is no pattern
 */
export function ignoredPaths(patterns: string, fileIndex: FileIndex): string[] {
  const ignores = ignoring(patterns.split(/\r?\n/))
  const kept = new Set<string>()
  const out: string[] = []
  // Deepest first, so that a directory knows whether anything in it is kept.
  for (const path of [...fileIndex.keys()].sort().reverse()) {
    if (ignores(path.slice(1)) && !kept.has(path)) out.push(path)
    else for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) kept.add(parent)
  }
  return out
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))
