import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BerthError } from '../errors.js'
import { isMissing, orMissing, readIfThere } from '../lib/missing.js'

const compiled = import.meta.url.endsWith('.js')

/** Where Berth's own plugins lie, a folder each: beside the compiled program, or as they were written. */
const ownRoot = fileURLToPath(new URL(compiled ? '../first-party/' : '../../plugins/', import.meta.url))

/** Where those that were installed lie. */
export const installedRoot = (root: string): string => join(root, 'plugins')

/** Names of Berth's own plugins. */
export async function ownPlugins(): Promise<string[]> {
  const entries = await readdir(ownRoot, { withFileTypes: true }).catch(orMissing([]))
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

/** The folder of a plugin: an installed one's own, or that of one that came with Berth. */
export const directoryOf = ({
  name,
  directory,
}: {
  readonly name: string
  readonly directory: string | null
}): string => directory ?? join(ownRoot, name)

/**
 * URL of the module that a plugin's folder stands for: what its package.json says is `main` or `exports`, else `index.js` or `index.ts`.
 * @throws BerthError `invalid` where there is none
 */
export async function entryOf(directory: string): Promise<string> {
  for (const name of [...(await named(directory)), 'index.js', 'index.mjs', 'index.ts']) {
    const path = join(directory, name)
    const found = await readFile(path).catch((error: unknown) => {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EISDIR') return null
      throw error
    })
    if (found !== null) return pathToFileURL(path).href
  }
  throw new BerthError(
    'invalid',
    'there is no plugin in it: neither its package.json names a module that is there, nor is there an index.js',
    'docs/plugins.md says what a plugin is',
  )
}

async function named(directory: string): Promise<string[]> {
  const text = await readIfThere(join(directory, 'package.json'))
  if (text === null) return []
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new BerthError('invalid', 'its package.json is no JSON', undefined, cause)
  }
  const { exports, main } = (read ?? {}) as { exports?: unknown; main?: unknown }
  const root: unknown = typeof exports === 'object' && exports !== null && '.' in exports ? exports['.'] : exports
  const { import: forImport, default: otherwise } = (typeof root === 'object' && root !== null ? root : {}) as Record<
    string,
    unknown
  >
  return [root, forImport, otherwise, main].filter((name) => typeof name === 'string')
}
