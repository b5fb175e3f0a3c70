import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import { autoDecompress } from '../images/compression.js'
import type { ImageStore } from '../images/store.js'
import type { Manifest } from '../images/unpack.js'
import { applyIgnore } from './ignore.js'

/** What a build copies from: a directory of ordinary files that nothing else writes to. */
export interface BuildContext extends AsyncDisposable {
  readonly directory: string
  /** Content digests of its files: a step's key needs no second reading. */
  readonly manifest: Manifest
  /** Text of the Dockerfile. */
  readonly dockerfile: string
}

/**
 * Receives a build context as an archive, hostile or not, compressed or not, and reads its Dockerfile.
 * @throws EngineError `invalid` for a bad archive or a missing Dockerfile
 */
export async function receiveContext(
  store: ImageStore,
  archive: Readable,
  dockerfile: string,
  signal: AbortSignal,
): Promise<BuildContext> {
  const stage = await store.layers.stage()
  try {
    const directory = join(stage.work, 'context')
    await mkdir(directory)
    const task = { upper: directory, lowers: [], base: '/', as: 'context' as const }
    const manifest = await store.porters.unpack(task, await autoDecompress(archive), signal)
    const name = dockerfile.replace(/^(\.?\/)+/, '')
    const text = await readDockerfile(directory, manifest, name)
    await applyIgnore(directory, manifest, name)
    return { directory, manifest, dockerfile: text, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() }
  } catch (error) {
    await stage[Symbol.asyncDispose]()
    throw error
  }
}

/** Reads it as the manifest knows it, so that a link cannot lead out of the context. */
async function readDockerfile(directory: string, manifest: Manifest, name: string): Promise<string> {
  const entry = manifest.get(`/${name}`)
  if (entry?.type === 'symlink')
    throw new EngineError('invalid', `the Dockerfile "${name}" is a symbolic link: name the file it leads to`)
  if (entry?.type !== 'file') throw new EngineError('invalid', `Cannot locate specified Dockerfile: ${name}`)
  if (entry.size === 0) throw new EngineError('invalid', `the Dockerfile (${name}) cannot be empty`)
  return readFile(join(directory, name), 'utf8')
}
