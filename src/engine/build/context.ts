import { createReadStream } from 'node:fs'
import { chmod, mkdir, realpath, rename, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError, messageOf } from '../errors.js'
import { archiveOf, autoDecompress } from '../oci/compression.js'
import type { LayerDraft as LayerStage } from '../images/layers.js'
import type { ImageStore } from '../images/store.js'
import { download, isUrl } from './download.js'
import { fetchRepository, type GitSurroundings, readGitUrl } from './git.js'

/** What a build copies from: a directory of ordinary files. */
export interface BuildContext extends AsyncDisposable {
  readonly directory: string
  /** Where what it holds is written, with digests: a step's key needs no second reading. */
  readonly indexFile: string
  /** Nothing else writes to the directory. */
  readonly own: boolean
  /** The directory has files that are not in the context. */
  readonly hides: boolean
  /** Text of the Dockerfile. */
  readonly dockerfile: string
}

interface Received {
  readonly directory: string
  /** It is somebody else's: where the digests of its files are kept for the next build. */
  readonly digestCache?: string
  /** Its index file is written already. */
  readonly scanned?: boolean
  /** What the Dockerfile is called there, when the client does not choose. */
  readonly dockerfile?: string
}

/**
 * Receives a build context as an archive, hostile or not, compressed or not, and reads its Dockerfile.
 * @throws EngineError `invalid` for a bad archive or a missing Dockerfile
 */
export const receiveContext = (
  store: ImageStore,
  archive: Readable,
  dockerfile: string,
  signal: AbortSignal,
): Promise<BuildContext> => open(store, dockerfile, (stage) => unpack(store, stage, archive, signal))

/**
 * Fetches a build context: a git repository, an archive, or a Dockerfile alone.
 * @throws EngineError `invalid` for what cannot be fetched, or has no Dockerfile
 */
export async function fetchContext(
  store: ImageStore,
  remote: string,
  dockerfile: string,
  around: GitSurroundings,
): Promise<BuildContext> {
  const repository = readGitUrl(remote)
  if (!repository && !isUrl(remote))
    throw new EngineError('invalid', `remoteURL (${remote}) could not be recognized as URL`)
  return open(store, dockerfile, async (stage) => {
    const place = join(stage.work, 'fetched')
    if (!repository) {
      await download(remote, place, around.sandbox, around.signal)
      if (archiveOf(place) !== undefined) return unpack(store, stage, createReadStream(place), around.signal)
      const directory = join(stage.work, 'context')
      await mkdir(directory)
      await rename(place, join(directory, 'Dockerfile'))
      await chmod(join(directory, 'Dockerfile'), 0o644)
      return { directory, dockerfile: 'Dockerfile' }
    }
    await fetchRepository(repository, place, around, false)
    const { path, kind } = await store.pool.run('look', { layers: [place], path: repository.subdirectory })
    if (kind !== 'directory')
      throw new EngineError('invalid', `error setting git context, no directory "${repository.subdirectory}" in it`)
    return { directory: join(place, path) }
  })
}

/**
 * Opens a directory of this machine as a context, as it is: nothing is sent, and of its files only those that have changed
 * since the last build of it are read. Nothing is written to it.
 * @param memories where the engine keeps what it knows of such directories
 * @throws EngineError `invalid` when there is no such directory, `conflict` when it changes meanwhile
 */
export const openContext = (
  store: ImageStore,
  directory: string,
  dockerfile: string,
  memories: string,
): Promise<BuildContext> =>
  open(store, dockerfile, async () => {
    if (!isAbsolute(directory)) throw new EngineError('invalid', `the directory "${directory}" is no absolute path`)
    // what cannot be looked at, for whatever reason, is no directory to build from
    const real = await realpath(directory).catch(() => directory)
    const found = await stat(real).catch(() => undefined)
    if (!found?.isDirectory())
      throw new EngineError('invalid', `unable to prepare context: "${directory}" is no directory`)
    return { directory: real, digestCache: join(memories, `${String(found.dev)}-${String(found.ino)}`) }
  })

async function open(
  store: ImageStore,
  dockerfile: string,
  receive: (stage: LayerStage) => Promise<Received>,
): Promise<BuildContext> {
  const stage = await store.layers.draft()
  try {
    const { directory, scanned, digestCache, dockerfile: given } = await receive(stage)
    const name = (given ?? dockerfile).replace(/^(\.?\/)+/, '')
    const indexFile = indexFileOf(stage)
    const task = { directory, indexFile, scanned, digestCache, dockerfile: name }
    const { text, hides } = await store.pool.run('context', task)
    const own = digestCache === undefined
    // the build is answered by then, and what stays is swept at the next start
    const release = async (): Promise<void> => {
      try {
        await stage[Symbol.asyncDispose]()
      } catch (error) {
        console.error(`a build context was not removed: ${messageOf(error)}`)
      }
    }
    return { directory, indexFile, own, hides, dockerfile: text, [Symbol.asyncDispose]: release }
  } catch (error) {
    await stage[Symbol.asyncDispose]()
    throw error
  }
}

async function unpack(store: ImageStore, stage: LayerStage, archive: Readable, signal: AbortSignal): Promise<Received> {
  const directory = join(stage.work, 'context')
  await mkdir(directory)
  const task = { upper: directory, lowers: [], base: '/', as: 'context' as const, indexFile: indexFileOf(stage) }
  await store.pool.unpack(task, await autoDecompress(archive), signal)
  return { directory, scanned: true }
}

const indexFileOf = (stage: LayerStage): string => join(stage.work, 'indexFile')
