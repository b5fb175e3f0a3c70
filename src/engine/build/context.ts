import { createReadStream } from 'node:fs'
import { chmod, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import { archiveOf, autoDecompress } from '../images/compression.js'
import type { Stage as LayerStage } from '../images/layers.js'
import type { ImageStore } from '../images/store.js'
import { download, isUrl } from './download.js'
import { fetchRepository, type GitSurroundings, readGitUrl } from './git.js'

/** What a build copies from: a directory of ordinary files that nothing else writes to. */
export interface BuildContext extends AsyncDisposable {
  readonly directory: string
  /** Where the content digests of its files are: a step's key needs no second reading. */
  readonly inventory: string
  /** Text of the Dockerfile. */
  readonly dockerfile: string
}

interface Received {
  readonly directory: string
  /** Its inventory is written already. */
  readonly surveyed?: boolean
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
      await download(remote, place, around.signal)
      if (archiveOf(place) !== undefined) return unpack(store, stage, createReadStream(place), around.signal)
      const directory = join(stage.work, 'context')
      await mkdir(directory)
      await rename(place, join(directory, 'Dockerfile'))
      await chmod(join(directory, 'Dockerfile'), 0o644)
      return { directory, dockerfile: 'Dockerfile' }
    }
    await fetchRepository(repository, place, around, false)
    const { path, kind } = await store.porters.run('look', { layers: [place], path: repository.subdirectory })
    if (kind !== 'directory')
      throw new EngineError('invalid', `error setting git context, no directory "${repository.subdirectory}" in it`)
    return { directory: join(place, path) }
  })
}

async function open(
  store: ImageStore,
  dockerfile: string,
  receive: (stage: LayerStage) => Promise<Received>,
): Promise<BuildContext> {
  const stage = await store.layers.stage()
  try {
    const { directory, surveyed, dockerfile: own } = await receive(stage)
    const name = (own ?? dockerfile).replace(/^(\.?\/)+/, '')
    const inventory = inventoryOf(stage)
    const text = await store.porters.run('context', { directory, inventory, surveyed, dockerfile: name })
    return { directory, inventory, dockerfile: text, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() }
  } catch (error) {
    await stage[Symbol.asyncDispose]()
    throw error
  }
}

async function unpack(store: ImageStore, stage: LayerStage, archive: Readable, signal: AbortSignal): Promise<Received> {
  const directory = join(stage.work, 'context')
  await mkdir(directory)
  const task = { upper: directory, lowers: [], base: '/', as: 'context' as const, inventory: inventoryOf(stage) }
  await store.porters.unpack(task, await autoDecompress(archive), signal)
  return { directory, surveyed: true }
}

const inventoryOf = (stage: LayerStage): string => join(stage.work, 'inventory')
