/** So many at a time, first come first served. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Runs a task when there is room. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const held = await this.take()
    try {
      return await task()
    } finally {
      held[Symbol.dispose]()
    }
  }

  /** Waits for room; disposing gives it back. Rejects with the signal's reason, holding nothing then. */
  async take(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (held) this.#give()
        held = false
      },
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(signal?.reason as Error)
      }
      this.#waiting.push(take)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  #give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}

/** A semaphore for each key: what is slow for one holds up no other. */
export class KeyedSemaphore {
  readonly #most: number
  readonly #semaphores = new Map<string, Semaphore>()

  /** @param most at a time, of each */
  constructor(most: number) {
    this.#most = most
  }

  of(key: string): Semaphore {
    const semaphore = this.#semaphores.get(key) ?? new Semaphore(this.#most)
    this.#semaphores.set(key, semaphore)
    return semaphore
  }
}
