import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Route } from '../store/routes.js'
import { isRoute } from './record.js'

/** The routes last known, in a file, so that a router started while Redis is away serves at once. */
export class RouteCache {
  readonly #file: string
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(root: string) {
    this.#file = join(root, 'router', 'routes.json')
  }

  /** Empty when there is no file; routes that make no sense are left out. */
  async load(): Promise<Route[]> {
    try {
      const stored: unknown = JSON.parse(await readFile(this.#file, 'utf8'))
      return Array.isArray(stored) ? stored.filter(isRoute) : []
    } catch {
      return []
    }
  }

  /** Durable when it resolves. Saves asked for while one is being written become a single one after it. */
  save(routes: () => readonly Route[]): Promise<void> {
    this.#next ??= (this.#writing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#writing = this.#next
        this.#next = undefined
        return this.#write(routes())
      })
    return this.#next
  }

  async #write(routes: readonly Route[]): Promise<void> {
    const temporary = `${this.#file}.new`
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(routes))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.#file)
    const folder = await open(dirname(this.#file), 'r')
    await folder.sync().finally(() => folder.close())
  }
}
