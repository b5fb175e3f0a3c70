interface Waiting {
  readonly enter: () => void
  readonly told: ((ahead: number) => void) | undefined
  known: number
}

/** How a task waits. */
export interface WaitOptions {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal
  /** Hears how many are ahead, and whenever that changes. */
  readonly told?: (ahead: number) => void
}

/** Lets so many tasks run at once; the others wait in the order they came. */
export class Semaphore {
  readonly #most: number
  #taken = 0
  readonly #waiting: Waiting[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** Runs a task when there is room. @throws the signal's reason, when it aborts before that */
  async run<T>(task: () => Promise<T>, wait: WaitOptions = {}): Promise<T> {
    wait.signal?.throwIfAborted()
    if (this.#taken < this.#most) this.#taken += 1
    else await this.#wait(wait)
    try {
      return await task()
    } finally {
      this.#leave()
    }
  }

  #wait({ signal, told }: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(one), 1)
        this.#tell()
        reject(signal?.reason as Error)
      }
      const enter = () => {
        signal?.removeEventListener('abort', giveUp)
        resolve()
      }
      const one = { enter, told, known: 0 }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(one)
      this.#tell()
    })
  }

  #leave(): void {
    this.#taken -= 1
    const next = this.#waiting.shift()
    if (next) {
      this.#taken += 1
      next.enter()
    }
    this.#tell()
  }

  #tell(): void {
    this.#waiting.forEach((one, index) => {
      const ahead = this.#taken + index
      if (ahead === one.known) return
      one.known = ahead
      one.told?.(ahead)
    })
  }
}
