interface Waiting {
  readonly weight: number
  readonly enter: () => void
  readonly told: ((ahead: number) => void) | undefined
  known: number
}

/** How a task waits. */
export interface WaitOptions {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal
  /** How much of the room it takes; 0 unless given. */
  readonly weight?: number
  /** Hears how many are ahead, and whenever that changes. */
  readonly told?: (ahead: number) => void
}

/** Lets so many tasks run at once, and no more than there is room for unless it is one; the others wait in the order they came. */
export class Semaphore {
  readonly #most: number
  readonly #room: number
  #taken = 0
  #weight = 0
  readonly #waiting: Waiting[] = []

  constructor(most: number, room = Infinity) {
    this.#most = most
    this.#room = room
  }

  /** Runs a task when there is room. @throws the signal's reason, when it aborts before that */
  async run<T>(task: () => Promise<T>, wait: WaitOptions = {}): Promise<T> {
    wait.signal?.throwIfAborted()
    const { weight = 0 } = wait
    if (this.#waiting.length === 0 && this.#hasRoom(weight)) this.#take(weight)
    else await this.#wait(weight, wait)
    try {
      return await task()
    } finally {
      this.#taken -= 1
      this.#weight -= weight
      this.#admit()
    }
  }

  #hasRoom(weight: number): boolean {
    return this.#taken === 0 || (this.#taken < this.#most && this.#weight + weight <= this.#room)
  }

  #take(weight: number): void {
    this.#taken += 1
    this.#weight += weight
  }

  #wait(weight: number, { signal, told }: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(one), 1)
        this.#admit()
        reject(signal?.reason as Error)
      }
      const enter = () => {
        signal?.removeEventListener('abort', giveUp)
        resolve()
      }
      const one = { weight, enter, told, known: 0 }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(one)
      this.#tell()
    })
  }

  /** Lets in who there is room for, the first that waits before all others. */
  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom(next.weight); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#take(next.weight)
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
