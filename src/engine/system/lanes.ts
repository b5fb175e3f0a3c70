/** Lets at most so many pieces of work run at a time; further ones wait in order. */
export class Lanes {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}

/** Lanes for each: what is slow in one's holds up nobody else's. */
export class LanesOf {
  readonly #count: number
  readonly #lanes = new Map<string, Lanes>()

  /** @param count of each */
  constructor(count: number) {
    this.#count = count
  }

  of(key: string): Lanes {
    const lanes = this.#lanes.get(key) ?? new Lanes(this.#count)
    this.#lanes.set(key, lanes)
    return lanes
  }
}

/** Lets nobody do what another is doing: who comes later waits, and then finds it done or does it. */
export class Turns {
  readonly #going = new Map<string, Promise<unknown>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#going.get(key)
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(work)
    this.#going.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#going.get(key) === mine) this.#going.delete(key)
    }
  }
}
