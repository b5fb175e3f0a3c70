import { watch, type FSWatcher } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** How a container ended. */
export interface Exit {
  /** Exit status, 128 + signal for a killed one. */
  readonly code: number
  readonly at: Date
}

/** The exit files that conmon writes: one a container, kept until taken, also while no engine runs. */
export class Exits {
  readonly #dir: string
  readonly #waiting = new Map<string, (exit: Exit) => void>()
  #watcher: FSWatcher | undefined
  private constructor(dir: string) {
    this.#dir = dir
  }

  static async open(dir: string): Promise<Exits> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const exits = new Exits(dir)
    exits.#watcher = watch(dir, (_, name) => void (name !== null && exits.#settle(name)))
    return exits
  }

  get dir(): string {
    return this.#dir
  }

  /** Resolves once the container has ended, be it before the call. One caller a container. */
  wait(id: string): Promise<Exit> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      void this.#settle(id)
    })
  }

  /** The exit of a container that has ended. */
  async peek(id: string): Promise<Exit | undefined> {
    const path = join(this.#dir, id)
    try {
      const [code, { mtime }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
      return code === '' ? undefined : { code: Number(code), at: mtime }
    } catch {
      return undefined
    }
  }

  /** Forgets an exit that has been recorded, and whoever waits for one. */
  async take(id: string): Promise<void> {
    this.#waiting.delete(id)
    await rm(join(this.#dir, id), { force: true })
  }

  /** Ids of all recorded exits. */
  list(): Promise<string[]> {
    return readdir(this.#dir)
  }

  close(): void {
    this.#watcher?.close()
  }

  async #settle(id: string): Promise<void> {
    if (!this.#waiting.has(id)) return
    const exit = await this.peek(id)
    const resolve = this.#waiting.get(id)
    if (!exit || !resolve) return
    this.#waiting.delete(id)
    resolve(exit)
  }
}
