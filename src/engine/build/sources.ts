import { readdir, rm, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { EngineConfig } from '../config.js'
import type { CacheItem } from './items.js'
import { orMissing } from '../system/missing.js'

/** Where the engine keeps what it knows of the directories of this machine that were built. */
export const memoriesOf = ({ root }: Pick<EngineConfig, 'root'>): string => join(root, 'build', 'contexts')

/**
 * What makes the next build quicker and can be had again: what is known of directories that were built, and the archives
 * that base images were made from, where the engine keeps these below its own root. A directory that several engines may
 * share is nobody's to prune.
 */
export class SourceCaches {
  readonly #places: readonly { readonly directory: string; readonly names: RegExp; readonly what: string }[]
  constructor(config: Pick<EngineConfig, 'root' | 'cache'>) {
    const archives = { directory: config.cache, names: /\.tar$/, what: 'files of the base image' }
    const memories = { directory: memoriesOf(config), names: /^\d+-\d+$/, what: 'digests of the directory with inode' }
    this.#places = config.cache.startsWith(config.root + sep) ? [archives, memories] : [memories]
  }

  async items(): Promise<CacheItem[]> {
    const items = this.#places.map(async ({ directory, names, what }) => {
      const all = await readdir(directory).catch(orMissing([] as string[]))
      return Promise.all(
        all.filter((name) => names.test(name)).map((name) => itemsOf(join(directory, name), name, what)),
      )
    })
    return (await Promise.all(items)).flat(2)
  }

  async remove(name: string): Promise<boolean> {
    const place = this.#places.find(({ names }) => names.test(name))
    if (place) await rm(join(place.directory, name), { force: true })
    return place !== undefined
  }
}

/** None when it was removed meanwhile. */
async function itemsOf(path: string, name: string, what: string): Promise<CacheItem[]> {
  const found = await stat(path).catch(orMissing(undefined))
  if (!found) return []
  const { blocks, mtimeMs, atimeMs } = found
  const item: CacheItem = {
    id: name,
    type: 'source.local',
    description: `${what} ${name.replace(/^\d+-|\.tar$/, '')}`,
    size: blocks * 512,
    created: mtimeMs,
    used: Math.max(atimeMs, mtimeMs),
    uses: 1,
    inUse: false,
    shared: false,
  }
  return [item]
}
