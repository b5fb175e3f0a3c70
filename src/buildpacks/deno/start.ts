import type { Tree } from '../tree.js'
import { taskLine, type DenoJson } from './deno-json.js'

/** How a Deno app starts. */
export interface DenoStart {
  readonly command: string
  /** The module that it starts with, whose imports are fetched beforehand; null where that cannot be seen. */
  readonly entry: string | null
  readonly notes: readonly string[]
}

const names = ['main', 'server', 'index', 'app', 'mod']
const endings = ['ts', 'tsx', 'js', 'mjs', 'mts']
const usual = ['', 'src/'].flatMap((folder) =>
  names.flatMap((name) => endings.map((ending) => `${folder}${name}.${ending}`)),
)
/** What no other runtime takes: its own object, and imports by an address or from a registry. */
const onlyDenos =
  /\bDeno\s*\.\s*\w|\bfrom\s+["'](?:https?:\/\/|jsr:|npm:)|\bimport\s*\(?\s*["'](?:https?:\/\/|jsr:|npm:)/
/** `Deno.serve` takes this over what the program says: whatever port it names, and were it on 127.0.0.1 alone. */
const listens = 'DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT'
const module = /(?:^|[\s=])((?:\.\/)?[\w@-][\w@./-]*\.(?:[cm]?[jt]s|[jt]sx))(?=\s|$)/g

/** How a Deno app starts, by its `start` task or a module of the usual names; null when nothing tells. */
export function denoStart(tree: Tree, config: DenoJson): DenoStart | null {
  const start = taskLine(config, 'start')
  const watches = start !== null && /\s--watch(?:-hmr)?\b|\bdev\.[jt]sx?\b/.test(start)
  const task = start !== null && !watches ? 'start' : taskLine(config, 'preview') === null ? null : 'preview'
  const notes = watches ? [`the start task \`${start}\` is for development: it is not run`] : []
  if (task !== null)
    return {
      command: `${listens} deno task ${task}`,
      entry: entryOf(tree, config, taskLine(config, task) ?? ''),
      notes,
    }
  const entry = usualEntry(tree)
  if (entry === undefined) return null
  const rights = config.permissions?.default === undefined ? '-A' : '-P'
  const verb = isHandler(tree.read(entry) ?? '') ? 'serve' : 'run'
  return {
    command: `${listens} deno ${verb} ${rights} ${entry}`,
    entry,
    notes,
  }
}

const usualEntry = (tree: Tree): string | undefined => usual.find((file) => tree.hasFile(file))

/** Whether the module of a usual name is one for Deno, whatever else is missing. */
export function isDenoProgram(tree: Tree): boolean {
  const entry = usualEntry(tree)
  return entry !== undefined && onlyDenos.test((tree.read(entry) ?? '').slice(0, 200_000))
}

/** The module that a line runs, where it is there before or after the build. */
export function entryOf(tree: Tree, config: DenoJson, line: string): string | null {
  const files = [...line.slice(0, 4_000).matchAll(module)].map(([, file = '']) => file.replace(/^\.\//, ''))
  const built = taskLine(config, 'build') !== null
  return files.findLast((file) => !file.includes('..') && (built || tree.hasFile(file))) ?? null
}

/** Whether a module is what `deno serve` takes: it exports a handler, and listens to nothing itself. */
const isHandler = (text: string): boolean =>
  /^export\s+default\s*\{[^}]*\bfetch\b|^export\s+default\b[^\n]*\bDeno\.ServeDefaultExport\b|^\}?\s*satisfies\s+Deno\.ServeDefaultExport\b/m.test(
    text,
  ) && !/\bDeno\.serve\s*\(/.test(text)
