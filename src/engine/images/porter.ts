import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import type { Jobs, Unpack } from './porter-jobs.js'
import type { LayerSum } from './pack.js'
import { Thread } from './thread.js'

/** What is said to a porter's thread; each order gets one answer, in order. */
export type Order =
  | { readonly kind: 'job'; readonly name: keyof Jobs; readonly task: unknown }
  | { readonly kind: 'unpack'; readonly task: Unpack }
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'abort' }

/** Chunks said before their answers are awaited: bounds memory to about this many times 64 KiB. */
const window = 16

/**
 * Carries trees of files: hashes, copies and unpacks them on threads of their own, so that the engine's loop never
 * waits for a disk. At most one job a core at a time; further ones queue.
 */
export class Porters implements AsyncDisposable {
  readonly #idle: Thread<Order>[] = []
  readonly #waiting: ((thread: Thread<Order>) => void)[] = []
  readonly #limit = Math.min(2, availableParallelism())
  #count = 0

  /** Runs one job. @throws EngineError */
  async run<K extends keyof Jobs>(name: K, task: Parameters<Jobs[K]>[0]): Promise<Awaited<ReturnType<Jobs[K]>>> {
    return this.#with((thread) => thread.say({ kind: 'job', name, task })) as Promise<Awaited<ReturnType<Jobs[K]>>>
  }

  /** Unpacks an archive as it arrives. @throws EngineError, or whatever the stream fails with */
  async unpack(task: Unpack, archive: Readable, signal?: AbortSignal): Promise<void> {
    await this.#unpack(task, archive, signal)
  }

  /** Unpacks a foreign layer as it arrives, and records how to make its archive again. @throws as `unpack` */
  async unpackLayer(
    task: Unpack & { readonly recipe: string },
    archive: Readable,
    signal?: AbortSignal,
  ): Promise<LayerSum> {
    const sum = await this.#unpack(task, archive, signal)
    if (!sum) throw new EngineError('broken', 'a layer was unpacked without its digest')
    return sum
  }

  #unpack(task: Unpack, archive: Readable, signal?: AbortSignal): Promise<LayerSum | undefined> {
    return this.#with(async (thread) => {
      await thread.say({ kind: 'unpack', task })
      const answers: Promise<unknown>[] = []
      try {
        for await (const chunk of archive) {
          signal?.throwIfAborted()
          const answer = thread.say({ kind: 'chunk', chunk: chunk as Uint8Array })
          answer.catch(() => undefined) // seen when its turn comes
          answers.push(answer)
          if (answers.length >= window) await answers.shift()
        }
        await Promise.all(answers)
        return (await thread.say({ kind: 'end' })) as LayerSum | undefined
      } catch (error) {
        await thread.say({ kind: 'abort' })
        throw error
      }
    })
  }

  /** Starts a thread ahead of the work that is about to come. */
  warm(): void {
    if (this.#count === 0) void this.#with(() => Promise.resolve())
  }

  /** Ends the idle threads; a job given later starts a new one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#idle.splice(0)
    this.#count -= ended.length
    await Promise.all(ended.map((thread) => thread.end()))
  }

  async #with<T>(use: (thread: Thread<Order>) => Promise<T>): Promise<T> {
    const thread = await this.#take()
    try {
      return await use(thread)
    } finally {
      this.#give(thread)
    }
  }

  #take(): Promise<Thread<Order>> {
    const idle = this.#idle.pop()
    if (idle) {
      idle.wake()
      return Promise.resolve(idle)
    }
    if (this.#count >= this.#limit) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#count++
    return Promise.resolve(new Thread<Order>(new URL('./porter-thread.js', import.meta.url)))
  }

  #give(thread: Thread<Order>): void {
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
