import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { readInventory, writeInventory } from '../images/inventory.js'
import { survey } from '../images/survey.js'
import type { Manifest } from '../images/unpack.js'
import { applyIgnore } from './ignore.js'
import { readText } from './read-text.js'

/** A directory that is to be a build context. */
export interface ContextTask {
  readonly directory: string
  /** Where its inventory is, or goes. */
  readonly inventory: string
  /** The inventory is there already. */
  readonly surveyed: boolean | undefined
  readonly dockerfile: string
}

/**
 * Reads the Dockerfile of a context and takes what the ignore file names out of it. Synchronous: for the porter's thread.
 * @throws EngineError `invalid` when the Dockerfile is missing, empty, a link or too large, or a pattern is none
 */
export function prepareContext({ directory, inventory, surveyed, dockerfile }: ContextTask): string {
  const manifest = surveyed ? readInventory(inventory) : survey(directory)
  const text = readDockerfile(directory, manifest, dockerfile)
  applyIgnore(directory, manifest, dockerfile)
  writeInventory(inventory, manifest)
  return text
}

/** Reads it as the manifest knows it, so that a link cannot lead out of the context. */
function readDockerfile(directory: string, manifest: Manifest, name: string): string {
  const entry = manifest.get(`/${name}`)
  if (entry?.type === 'symlink')
    throw new EngineError('invalid', `the Dockerfile "${name}" is a symbolic link: name the file it leads to`)
  if (entry?.type !== 'file') throw new EngineError('invalid', `Cannot locate specified Dockerfile: ${name}`)
  if (entry.size === 0) throw new EngineError('invalid', `the Dockerfile (${name}) cannot be empty`)
  return readText(join(directory, name), name)
}
