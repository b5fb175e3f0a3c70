import { parseToml, TomlError, type TomlTable } from '../lib/toml.js'
import { SourceError } from './source-error.js'
import type { Tree } from './tree.js'

/** The project descriptor of Cloud Native Buildpacks. */
export interface ProjectToml {
  readonly file: string
  readonly text: string
  readonly toml: TomlTable
}

/** The project.toml of a tree; null where there is none. @throws SourceError when it is not TOML */
export function projectToml(tree: Tree): ProjectToml | null {
  const file = 'project.toml'
  const text = tree.read(file)
  if (text === null) return null
  try {
    return { file, text, toml: parseToml(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [words = ''] = error.message.split('\n')
    const { line, column } = error
    throw new SourceError({ file, line, column }, words, `correct ${file}, commit and push again`)
  }
}
