import { EngineError } from '../errors.js'
import type { LayerTree, TreeEntry } from './tree.js'

/** A directory whose children are yet to be dealt with. */
interface Level {
  readonly children: [string, TreeEntry][]
  /** Where they go, or what they are called. */
  readonly target: string
  /** Its path below its source, which `--exclude` is matched with. */
  readonly within: string
}

/** Far beyond PATH_MAX: of trees that are deeper, what is known by path would take all memory. */
const longestPath = 16_384

/**
 * Meets everything below a directory, parents first and in order, without a call in a call for each level.
 * @param enter answers with where the children of a directory go; undefined leaves it out
 * @throws EngineError `invalid` for what lies too deep
 */
export function eachBelow(
  tree: LayerTree,
  top: Omit<Level, 'children'> & { readonly entry: TreeEntry },
  meet: (path: string, inside: string, entry: TreeEntry) => string | undefined,
): void {
  const levelOf = (entry: TreeEntry, target: string, within: string): Level => ({
    children: tree.children(entry).reverse(),
    target,
    within,
  })
  const levels = [levelOf(top.entry, top.target, top.within)]
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const [name, entry] = level.children.pop() ?? []
    if (name === undefined || !entry) {
      levels.pop()
      continue
    }
    const path = `${level.target === '/' ? '' : level.target}/${name}`
    if (path.length > longestPath)
      throw new EngineError('invalid', `"${path.slice(0, 100)}…" lies too deep: its path is over ${longestPath} bytes`)
    const inside = level.within === '' ? name : `${level.within}/${name}`
    const target = meet(path, inside, entry)
    if (target !== undefined) levels.push(levelOf(entry, target, inside))
  }
}
