import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { readInventory, writeInventory } from './index-file.js'
import { withUnchanged } from './stamp.js'
import { survey, surveyLive } from './scan.js'
import type { Manifest, ManifestEntry } from './index-file.js'
import { ignoreFiles, ignoredPaths } from './ignore.js'
import { readText } from './read-text.js'
import { recall, remember } from './digest-cache.js'

/** A directory that is to be a build context. */
export interface ContextTask {
  readonly directory: string
  /** Where its inventory is, or goes. */
  readonly inventory: string
  /** The inventory is there already. */
  readonly surveyed: boolean | undefined
  readonly dockerfile: string
  /** Where the digests of its files are kept for the next build, when others may write to the directory. */
  readonly memory: string | undefined
}

/**
 * Reads the Dockerfile of a context and takes what the ignore file names out of the inventory: nothing that is not in that
 * is seen by a COPY. The Dockerfile and the ignore file themselves can be read before. `hides` says whether the
 * directory has files that the inventory has not. Synchronous: for a worker thread.
 * @throws EngineError `invalid` when the Dockerfile is missing, empty, a link or too large, or a pattern is none
 */
export function prepareContext(task: ContextTask): { text: string; hides: boolean } {
  const { directory, inventory, dockerfile } = task
  const manifest = manifestOf(task)
  const text = readDockerfile(directory, manifest, dockerfile)
  const ignoreFile = ignoreFiles(dockerfile).find((name) => manifest.get(`/${name}`)?.type === 'file')
  const patterns = ignoreFile === undefined ? '' : read(directory, ignoreFile, manifest.get(`/${ignoreFile}`))
  const ignored = ignoredPaths(patterns, manifest)
  for (const path of ignored) manifest.delete(path)
  writeInventory(inventory, manifest)
  return { text, hides: ignored.length > 0 }
}

function manifestOf({ directory, inventory, surveyed, memory }: ContextTask): Manifest {
  if (surveyed) return readInventory(inventory)
  if (memory === undefined) return survey(directory)
  const digests = recall(memory)
  const manifest = surveyLive(directory, digests)
  remember(memory, digests)
  return manifest
}

/** Reads it as the manifest knows it, so that a link cannot lead out of the context. */
function readDockerfile(directory: string, manifest: Manifest, name: string): string {
  const entry = manifest.get(`/${name}`)
  if (entry?.type === 'symlink')
    throw new EngineError('invalid', `the Dockerfile "${name}" is a symbolic link: name the file it leads to`)
  if (entry?.type !== 'file') throw new EngineError('invalid', `Cannot locate specified Dockerfile: ${name}`)
  if (entry.size === 0) throw new EngineError('invalid', `the Dockerfile (${name}) cannot be empty`)
  return read(directory, name, entry)
}

function read(directory: string, name: string, entry: ManifestEntry | undefined): string {
  const path = join(directory, name)
  if (entry?.stamp === undefined) return readText(path, name)
  return withUnchanged(path, entry.stamp, (fd) => readText(`/proc/self/fd/${String(fd)}`, name))
}
