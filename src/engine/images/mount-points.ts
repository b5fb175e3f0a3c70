import { readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { lstatOr, type LayerTree } from './tree.js'

/** Canonical paths, parents first, that do not exist in the tree and that mounting at `paths` would make. */
export function missingPaths(tree: LayerTree, paths: readonly string[]): string[] {
  const missing = new Set<string>()
  for (const path of paths) {
    const { path: canonical } = tree.resolve(path)
    let here = ''
    for (const name of canonical.split('/').slice(1)) {
      here += `/${name}`
      if (name !== '' && !tree.at(here)) missing.add(here)
    }
  }
  return [...missing].sort()
}

/** Removes those of `paths` that are empty files or directories, children first: nobody but a mount put them there. */
export function scrub(upper: string, paths: readonly string[]): void {
  for (const path of [...paths].sort().reverse()) {
    const place = upper + path
    const stat = lstatOr(place)
    if (stat?.isFile() && stat.size === 0) unlinkSync(place)
    else if (stat?.isDirectory() && readdirSync(place).length === 0) rmdirSync(place)
  }
}
