import { availableParallelism } from 'node:os'
import { Thread } from '../kernel/thread.js'

/** Threads that do long, synchronous work away from the engine's loop: at most one a core at a time, further work queues. */
export class WorkerPool<Message> implements AsyncDisposable {
  readonly #entry: URL
  readonly #idle: Thread<Message>[] = []
  readonly #waiting: ((thread: Thread<Message>) => void)[] = []
  readonly #limit = Math.min(2, availableParallelism())
  #count = 0

  /** @param entry module that the threads run; it handles messages by `handleMessages` */
  constructor(entry: URL) {
    this.#entry = entry
  }

  /** Has a thread for as long as `work` takes. */
  async use<T>(work: (thread: Thread<Message>) => Promise<T>): Promise<T> {
    const thread = await this.#take()
    try {
      return await work(thread)
    } finally {
      this.#give(thread)
    }
  }

  /** Starts a thread ahead of the work that is about to come. */
  warm(): void {
    if (this.#count === 0) void this.use(() => Promise.resolve())
  }

  /** Ends the idle threads; work given later starts a new one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#idle.splice(0)
    this.#count -= ended.length
    await Promise.all(ended.map((thread) => thread.end()))
  }

  #take(): Promise<Thread<Message>> {
    const idle = this.#idle.pop()
    if (idle) {
      idle.wake()
      return Promise.resolve(idle)
    }
    if (this.#count >= this.#limit) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#count++
    return Promise.resolve(new Thread<Message>(this.#entry))
  }

  #give(thread: Thread<Message>): void {
    const next = this.#waiting.shift()
    if (thread.dead) {
      this.#count--
      if (next) void this.#take().then(next)
    } else if (next) next(thread)
    else {
      this.#idle.push(thread)
      thread.rest(() => {
        this.#idle.splice(this.#idle.indexOf(thread), 1)
        this.#count--
      })
    }
  }
}
