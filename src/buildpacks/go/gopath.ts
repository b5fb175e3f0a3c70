import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'

/** A tree from before modules: one that lay at its import path in a GOPATH. */
export interface GoPath {
  /** The file that tells. */
  readonly file: string
  readonly importPath: string
  /** Whether what it imports is in the tree as well; else it is fetched by modules. */
  readonly vendored: boolean
  /** What `GOPATH` is, seen from the tree. */
  readonly paths: string
}

/** Files of the tools from before modules, and where each has the import path; dep has it for Heroku alone. */
const tools: readonly (readonly [file: string, path: RegExp])[] = [
  ['.godir', /^\s*(\S+)/],
  ['Godeps/Godeps.json', /"ImportPath"\s*:\s*"([^"]+)"/],
  ['vendor/vendor.json', /"rootPath"\s*:\s*"([^"]+)"/],
  ['glide.yaml', /^package:\s*["']?([^\s"']+)/m],
  ['Gopkg.toml', /^\s*root-package\s*=\s*"([^"]+)"/m],
]

/**
 * What a tree without a go.mod says of the GOPATH that it is for; null where it says nothing.
 * @throws SourceError for an import path that is none
 */
export function goPath(tree: Tree): GoPath | null {
  const found = tools.filter(([file]) => tree.hasFile(file))
  const [first] = found
  if (first === undefined) return null
  let importPath = 'app'
  for (const [file, pattern] of found) {
    const named = pattern.exec(tree.read(file) ?? '')?.[1]
    if (named === undefined) continue
    if (!/^[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*$/.test(named) || named.length > 200)
      throw new SourceError(
        { file, line: 1, column: 1 },
        `"${named.slice(0, 80)}" is no import path`,
        `write one such as example.org/shop; or run \`go mod init\` and \`go mod tidy\`, commit go.mod and go.sum, and remove ${file}`,
      )
    importPath = named
    break
  }
  const workspace = tree.hasDirectory('Godeps/_workspace/src')
  const vendored = workspace || tree.names('vendor').some((name) => tree.hasDirectory(`vendor/${name}`))
  return {
    file: first[0],
    importPath,
    vendored,
    paths: workspace ? `/go/src/${importPath}/Godeps/_workspace:/go` : '/go',
  }
}

/** What the pusher is told of such a tree. */
export function goPathNote({ file, importPath, vendored }: GoPath): string {
  const way = `run \`go mod init ${importPath}\` and \`go mod tidy\`, commit go.mod and go.sum, and remove ${file}`
  return vendored
    ? `${file} is from before modules: built in a GOPATH, as ${importPath}, with what lies in the tree; for modules ${way}`
    : `${file} is from before modules, and its versions are not followed: the newest are taken at each build; to pin them ${way}`
}
