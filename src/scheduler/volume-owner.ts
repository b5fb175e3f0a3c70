import { basename, dirname } from 'node:path/posix'
import { pipeline } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { extract, pack } from 'tar-stream'
import type { EngineClient } from '../engine-client/client.js'
import type { ContainerCreation } from '../engine-client/containers.js'

/** The mode of a volume that nothing has been written to. */
const mode = 0o755

/**
 * Gives new volumes to the user that a container's process runs as: an engine makes them root's where the image has nothing at
 * their place, and a process of another user could write nothing there. One that holds something, or that is somebody's, is
 * left alone.
 */
export class VolumeOwners {
  readonly #engine: EngineClient
  /** Volumes that have been looked at, by name and time of making. */
  readonly #known = new Set<string>()
  constructor(engine: EngineClient) {
    this.#engine = engine
  }

  /** @param container one that has not been started, made as `creation` says */
  async settle(container: string, { HostConfig }: ContainerCreation): Promise<void> {
    for (const { Type, Source, Target, ReadOnly, VolumeOptions } of HostConfig.Mounts ?? []) {
      if (Type !== 'volume' || Source === '' || ReadOnly === true || VolumeOptions?.NoCopy === true) continue
      if ((VolumeOptions as { readonly Subpath?: string } | undefined)?.Subpath !== undefined) continue
      const volume = await this.#engine.volumes.find(Source)
      const key = `${Source} ${volume?.createdAt ?? ''}`
      if (this.#known.has(key)) continue
      if (await this.#isNew(container, Target)) await this.#give(container, Target)
      this.#known.add(key)
    }
  }

  /** Whether it is root's, and holds nothing. */
  async #isNew(container: string, target: string): Promise<boolean> {
    const archive = await this.#engine.containers.get(container, target)
    if (archive === null) return false
    // a pipe would leave the reader waiting for an archive that breaks off
    const entries = pipeline(archive, extract(), () => undefined)
    let count = 0
    for await (const entry of entries) {
      const { type, uid, gid } = entry.header
      count += 1
      if (count > 1 || type !== 'directory' || uid !== 0 || gid !== 0) return false
      entry.resume()
    }
    return count === 1
  }

  async #give(container: string, target: string): Promise<void> {
    const archive = pack()
    archive.entry({ name: `${basename(target)}/`, type: 'directory', mode })
    archive.finalize()
    await this.#engine.containers.put(container, await buffer(archive), { path: dirname(target), toUser: true })
  }
}
