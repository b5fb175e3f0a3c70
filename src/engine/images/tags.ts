import type { Digest } from '../records.js'
import { readOr, writeDurably } from '../system/durable.js'
import { familiar, type Reference } from '../oci/reference.js'
import { Mutex } from '../mutex.js'

/** Which name means which image: one file, rewritten whole, so that a crash leaves the old names or the new. */
export class Tags {
  readonly #path: string
  #byName: ReadonlyMap<string, Digest>
  readonly #mutex = new Mutex()

  private constructor(path: string, byName: ReadonlyMap<string, Digest>) {
    this.#path = path
    this.#byName = byName
  }

  /** @throws when the file is there but is not what this class wrote */
  static async open(path: string): Promise<Tags> {
    const text = await readOr(path, '{}')
    return new Tags(path, new Map(Object.entries(JSON.parse(text) as Record<string, Digest>)))
  }

  get(reference: Reference): Digest | undefined {
    return this.#byName.get(familiar(reference))
  }

  /** Names of an image, as people write them, in order. */
  of(id: Digest): string[] {
    return [...this.#byName].flatMap(([name, digest]) => (digest === id ? [name] : [])).sort()
  }

  names(): string[] {
    return [...this.#byName.keys()].sort()
  }

  /** Moves names to images (undefined drops a name). All of it happens, or none. */
  change(changes: ReadonlyMap<string, Digest | undefined>): Promise<void> {
    return this.#mutex.run(async () => {
      const next = new Map(this.#byName)
      for (const [name, id] of changes)
        if (id === undefined) next.delete(name)
        else next.set(name, id)
      const sorted = [...next].sort(([a], [b]) => (a < b ? -1 : 1))
      await writeDurably(this.#path, JSON.stringify(Object.fromEntries(sorted), null, 2))
      this.#byName = next
    })
  }
}
