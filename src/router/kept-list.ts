import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A list last known, in a file, so that a router started while Redis is away has it at once. */
export class KeptList<T> {
  readonly #file: string
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined

  readonly #isOne: (value: unknown) => value is T

  constructor(file: string, isOne: (value: unknown) => value is T) {
    this.#file = file
    this.#isOne = isOne
  }

  /** Empty when there is no file; what makes no sense is left out. */
  async load(): Promise<T[]> {
    try {
      const stored: unknown = JSON.parse(await readFile(this.#file, 'utf8'))
      return Array.isArray(stored) ? stored.filter(this.#isOne) : []
    } catch {
      return []
    }
  }

  /** Durable when it resolves. Saves asked for while one is being written become a single one after it. */
  save(list: () => readonly T[]): Promise<void> {
    this.#next ??= (this.#writing ?? Promise.resolve())
      .catch(() => undefined) // who asked for that one hears of it
      .then(() => {
        this.#writing = this.#next
        this.#next = undefined
        return this.#write(list())
      })
    return this.#next
  }

  async #write(list: readonly T[]): Promise<void> {
    const temporary = `${this.#file}.new`
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(list))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.#file)
    const folder = await open(dirname(this.#file), 'r')
    await folder.sync().finally(() => folder.close())
  }
}
