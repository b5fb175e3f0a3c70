import { readdir, rm, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { EngineConfig } from '../config.js'
import type { CacheItem } from './items.js'

/**
 * The archives that base images were made from, where the engine keeps them below its own root: a pull after a prune is
 * quick for it. A directory that several engines may share is nobody's to prune.
 */
export class Sources {
  readonly #directory: string | undefined
  constructor({ root, cache }: Pick<EngineConfig, 'root' | 'cache'>) {
    this.#directory = cache.startsWith(root + sep) ? cache : undefined
  }

  async items(): Promise<CacheItem[]> {
    const directory = this.#directory
    if (directory === undefined) return []
    const names = await readdir(directory).catch(() => [])
    return Promise.all(
      names
        .filter((name) => name.endsWith('.tar'))
        .map(async (name): Promise<CacheItem> => {
          const { blocks, mtimeMs, atimeMs } = await stat(join(directory, name))
          return {
            id: name,
            type: 'source.local',
            description: `files of the base image ${name.replace(/\.tar$/, '')}`,
            size: blocks * 512,
            created: mtimeMs,
            used: Math.max(atimeMs, mtimeMs),
            uses: 1,
            inUse: false,
            shared: false,
          }
        }),
    )
  }

  async remove(name: string): Promise<boolean> {
    if (this.#directory === undefined) return false
    await rm(join(this.#directory, name), { force: true })
    return true
  }
}
