import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { directorySize } from './disk-size.js'
import type { RunMount } from './mounts.js'

/** A cache directory lent to a step; disposing gives it back. */
export interface LentCache extends AsyncDisposable {
  readonly directory: string
}

/** The directories behind `RUN --mount=type=cache`: kept between builds, never part of a layer. */
export class CacheMounts {
  readonly #root: string
  /** Caches in use by a step that shares them with nobody. */
  readonly #locks = new Map<string, Promise<void>>()
  readonly #busy = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  /** Lends the cache of an id, waiting for it when it is `locked`; a `private` one in use is replaced by a fresh one. */
  async lend(id: string, { sharing, mode, uid, gid }: RunMount): Promise<LentCache> {
    await mkdir(this.#root, { recursive: true, mode: 0o711 })
    const name = createHash('sha256').update(id).digest('hex').slice(0, 32)
    if (sharing === 'private' && this.#busy.has(name)) {
      const directory = await mkdtemp(join(this.#root, 'private-'))
      await dress(directory, mode, uid, gid)
      return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
    }
    const unlock = sharing === 'locked' ? await this.#lock(name) : undefined
    this.#busy.set(name, (this.#busy.get(name) ?? 0) + 1)
    const directory = join(this.#root, name)
    const fresh = (await mkdir(directory, { recursive: true })) !== undefined
    if (fresh) await dress(directory, mode, uid, gid)
    return {
      directory,
      [Symbol.asyncDispose]: () => {
        const left = (this.#busy.get(name) ?? 1) - 1
        if (left > 0) this.#busy.set(name, left)
        else this.#busy.delete(name)
        unlock?.()
        return Promise.resolve()
      },
    }
  }

  /** Removes the caches no step is using. Answers with the bytes set free. */
  async prune(): Promise<number> {
    let freed = 0
    for (const name of await readdir(this.#root).catch(() => [])) {
      if (this.#busy.has(name) || name.startsWith('private-')) continue
      const directory = join(this.#root, name)
      freed += await directorySize(directory)
      await rm(directory, { recursive: true, force: true })
    }
    return freed
  }

  /** Removes what an interrupted engine left. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => []))
      if (name.startsWith('private-')) await rm(join(this.#root, name), { recursive: true, force: true })
  }

  /** Bytes of all caches. */
  async size(): Promise<number> {
    return (await stat(this.#root).catch(() => undefined)) ? directorySize(this.#root) : 0
  }

  async #lock(name: string): Promise<() => void> {
    const before = this.#locks.get(name) ?? Promise.resolve()
    const { promise, resolve } = withResolvers()
    const mine = before.then(() => promise)
    this.#locks.set(name, mine)
    await before
    return resolve
  }
}

async function dress(directory: string, mode: number | undefined, uid: number, gid: number): Promise<void> {
  await chmod(directory, mode ?? 0o755)
  await chown(directory, uid, gid)
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
