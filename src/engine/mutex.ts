/** Runs tasks one after the other, in the order they were given. What one throws is nothing to the next. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(task)
    this.#tail = mine.catch(() => undefined) // told to whoever gave it
    return mine
  }
}

/** Runs what is given for one key one after the other. Different keys do not wait for each other. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const mine = before.then(task)
    const tail = mine.catch(() => undefined) // likewise
    this.#tails.set(key, tail)
    try {
      return await mine
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
