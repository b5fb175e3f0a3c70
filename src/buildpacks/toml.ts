import { parseToml, TomlError, type TomlTable } from '../lib/toml.js'
import { SourceError } from './source-error.js'
import type { Tree } from './tree.js'

/** Reads a user's TOML file; one that is not there has nothing in it. @throws SourceError where it is not TOML */
export function readToml(tree: Tree, file: string): TomlTable {
  try {
    return parseToml(tree.read(file) ?? '')
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const { line, column } = error
    throw new SourceError(
      { file, line, column },
      `not TOML: ${/^(?:Invalid TOML document: )?(.*)/.exec(error.message)?.[1] ?? ''}`,
      `correct ${file}, commit and push again`,
    )
  }
}
