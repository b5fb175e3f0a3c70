import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import { byThemselves } from '../workers/flow.js'
import { WorkerPool } from '../workers/pool.js'
import type { Jobs, Unpack } from './jobs.js'
import type { LayerSum } from './pack.js'

/** What is posted to a thread of the pool; each message gets one answer, in order. */
export type JobMessage =
  | { readonly kind: 'job'; readonly name: keyof Jobs; readonly task: unknown }
  | { readonly kind: 'unpack'; readonly task: Unpack }
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'abort' }

/** Chunks posted before their answers are awaited: bounds memory to about this many times 64 KiB. */
const window = 16

/** The worker pool for trees of files: hashes, copies and unpacks them, so that the engine's loop never waits for a disk. */
export class JobPool extends WorkerPool<JobMessage> {
  constructor() {
    super(new URL('./job-thread.js', import.meta.url))
  }

  /** Runs one job. @throws EngineError */
  async run<K extends keyof Jobs>(name: K, task: Parameters<Jobs[K]>[0]): Promise<Awaited<ReturnType<Jobs[K]>>> {
    return this.use((thread) => thread.post({ kind: 'job', name, task })) as Promise<Awaited<ReturnType<Jobs[K]>>>
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
    return this.use(async (thread) => {
      await thread.post({ kind: 'unpack', task })
      const answers: Promise<unknown>[] = []
      try {
        for await (const chunk of archive) {
          signal?.throwIfAborted()
          const bytes = byThemselves(chunk as Uint8Array)
          const answer = thread.post({ kind: 'chunk', chunk: bytes }, [bytes.buffer])
          answer.catch(() => undefined) // seen when its turn comes
          answers.push(answer)
          if (answers.length >= window) await answers.shift()
        }
        await Promise.all(answers)
        return (await thread.post({ kind: 'end' })) as LayerSum | undefined
      } catch (error) {
        await thread.post({ kind: 'abort' })
        throw error
      }
    })
  }
}
