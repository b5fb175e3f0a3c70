import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.js'
import type { Digest } from '../records.js'
import { diskUsage } from '../system/disk.js'
import { sweepDrafts, syncDirectory, writeDurably } from '../system/durable.js'

/**
 * The configurations of images on disk, each in a file named by its digest, `<hex>`. One that is coming or going is in
 * `<hex>.pending`: it is there as long as it has a name, so that an image and its names come and go at one stroke.
 */
export class Configurations {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** @param named whether an image has a name: decides about those that were pending when the last engine was killed */
  static async open(directory: string, named: (id: Digest) => boolean): Promise<Configurations> {
    await mkdir(directory, { recursive: true, mode: 0o711 })
    await sweepDrafts(directory)
    const configurations = new Configurations(directory)
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.pending')) continue
      const id = `sha256:${name.slice(0, -'.pending'.length)}`
      if (named(id)) await configurations.settle(id)
      else await rm(join(directory, name))
    }
    return configurations
  }

  /** Every one by its digest; undefined for bytes that do not have it. */
  async all(): Promise<(readonly [id: Digest, bytes: Buffer | undefined])[]> {
    return Promise.all(
      (await readdir(this.#directory)).map(async (name) => {
        const bytes = await readFile(join(this.#directory, name))
        const whole = createHash('sha256').update(bytes).digest('hex') === name
        return [`sha256:${name}`, whole ? bytes : undefined] as const
      }),
    )
  }

  /** Puts one on the disk; a pending one counts only once it is named. */
  write(id: Digest, bytes: Buffer, pending: boolean): Promise<void> {
    return writeDurably(pending ? this.#pending(id) : this.#path(id), bytes)
  }

  /** Undefined when it is gone. */
  async read(id: Digest): Promise<Buffer | undefined> {
    // it may come to be there between the first look and the second
    for (const path of [this.#path(id), this.#pending(id), this.#path(id)])
      try {
        return await readFile(path)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
    return undefined
  }

  /** One that was pending is there, with a name or without. */
  async settle(id: Digest): Promise<void> {
    await rename(this.#pending(id), this.#path(id))
  }

  /** One that is there goes with its last name. Somebody else may have it go already. */
  async retire(id: Digest): Promise<void> {
    await rename(this.#path(id), this.#pending(id)).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }

  /** Gone for good when this resolves. */
  async remove(id: Digest): Promise<void> {
    for (const path of [this.#path(id), this.#pending(id)]) await rm(path, { force: true })
    await syncDirectory(this.#directory)
  }

  /** Bytes on disk. */
  space(id: Digest): Promise<number> {
    return diskUsage(this.#path(id), this.#pending(id))
  }

  #pending(id: Digest): string {
    return `${this.#path(id)}.pending`
  }

  #path(id: Digest): string {
    return join(this.#directory, id.slice('sha256:'.length))
  }
}
