import { asTable } from '../lib/toml.js'
import { readToml } from './toml.js'
import type { Tree } from './tree.js'

/** A file that pins a version, and what stands there; undefined where it says none. */
export type Pin = readonly [place: string, text: string | undefined]

/** Files of mise, the first first. */
const miseFiles = ['mise.toml', '.mise.toml'] as const
/** So much of a file is looked at: it has a line a tool. */
const longest = 10_000

/**
 * What asdf's `.tool-versions`, and mise.toml, pin a tool to.
 * @param names what the two call it, `go` and `golang`; `asdf-vm.com/manage/configuration.html`, `mise.jdx.dev/configuration.html`
 * @throws SourceError where mise.toml is not TOML
 */
export function toolPins(tree: Tree, ...names: readonly string[]): Pin[] {
  const line = new RegExp(`^[ \\t]*(?:${names.join('|')})[ \\t]+(\\S{1,80})`, 'm')
  const asdf = line.exec((tree.read('.tool-versions') ?? '').slice(0, longest))?.[1]
  return [
    ['.tool-versions', plain(asdf)],
    ...miseFiles.map((file): Pin => [file, plain(tree.hasFile(file) ? inMise(tree, file, names) : undefined)]),
  ]
}

/** `node = "22"`, the first of a list, or a table with a version. */
function inMise(tree: Tree, file: string, names: readonly string[]): string | undefined {
  const tools = asTable(readToml(tree, file).tools)
  const tool = names.map((name) => [tools[name]].flat()[0]).find((value) => value !== undefined)
  const version = typeof tool === 'string' ? tool : asTable(tool).version
  return typeof version === 'string' ? version.slice(0, 80) : undefined
}

/** Without what both let stand before a version; what is on the author's machine, and whatever is newest, pin nothing. */
function plain(text: string | undefined): string | undefined {
  const version = text?.replace(/^(?:latest|prefix):/, '').trim()
  return version === undefined ||
    /^(?:latest|stable|system|lts)?$|^(?:ref|path|sub-[\d.]+|tag|branch|rev):/i.test(version)
    ? undefined
    : version
}
