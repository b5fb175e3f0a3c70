import { messageOf } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../log.js'
import type { Notice } from './kinds/notifier.js'
import type { RunningPlugins } from './running.js'

/** ms that one of them has for one notice. */
const usualPatience = 30_000
/** ms before it is tried again. */
const usualGaps = [1_000, 10_000, 60_000]
/** The same is told no more often, ms. */
const quiet = 3_600_000
/** So many notices wait at once; those that come then are told to the log alone. */
const mostWaiting = 200
/** Characters of a text. */
const longest = 2_000

export interface NotifiersDeps {
  readonly plugins: Pick<RunningPlugins, 'running'>
  readonly log: Logger
  readonly patience?: number
  readonly gaps?: readonly number[]
}

/** Tells plugins of kind `notifier` what has happened. Nobody waits for them, and no failure of theirs is anybody else's. */
export class Notifiers implements AsyncDisposable {
  readonly #deps: NotifiersDeps
  readonly #closing = new AbortController()
  readonly #waiting = new Set<Promise<void>>()
  /** When a failure was told last, by what it is. */
  readonly #told = new Map<string, number>()

  constructor(deps: NotifiersDeps) {
    this.#deps = deps
  }

  /** The same failure of the same subject is told once an hour, unless it was over meanwhile (`recovered`). */
  tell(given: Omit<Notice, 'at'>): void {
    const notice = { ...given, text: given.text.slice(0, longest), at: new Date().toISOString() }
    if (this.#isRepeated(notice)) return
    if (this.#waiting.size >= mostWaiting || this.#closing.signal.aborted) {
      this.#deps.log.warn({ subject: notice.subject }, `too much is to be told: ${notice.title}`)
      return
    }
    const telling = this.#tellAll(notice).catch((error: unknown) =>
      this.#deps.log.warn(`cannot be told: ${notice.title}: ${messageOf(error)}`),
    )
    this.#waiting.add(telling)
    void telling.finally(() => this.#waiting.delete(telling))
  }

  /** What the same subject fails with next is told at once. */
  recovered(subject: string): void {
    for (const key of this.#told.keys()) if (key.startsWith(`${subject} `)) this.#told.delete(key)
  }

  /** Resolves when all that was to be told has been, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.settled()
  }

  #isRepeated({ level, subject, event, title }: Notice): boolean {
    if (level !== 'error') return false
    const now = Date.now()
    for (const [key, at] of this.#told) if (now - at >= quiet) this.#told.delete(key)
    const key = `${subject} ${event} ${title}`
    if (this.#told.has(key)) return true
    this.#told.set(key, now)
    return false
  }

  async #tellAll(notice: Notice): Promise<void> {
    const running = await this.#deps.plugins.running('notifier')
    await Promise.all(
      running.map(({ name, instance }) =>
        this.#tell(notice, (signal) => instance.notify(notice, signal)).catch((error: unknown) =>
          this.#deps.log.warn({ plugin: name }, `did not tell "${notice.title}": ${messageOf(error)}`),
        ),
      ),
    )
  }

  async #tell(notice: Notice, notify: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { patience = usualPatience, gaps = usualGaps } = this.#deps
    for (let attempt = 0; ; attempt += 1) {
      this.#closing.signal.throwIfAborted()
      using late = deadline(patience, this.#closing.signal)
      const ended = Promise.withResolvers<never>()
      const end = (): void => ended.reject(late.signal.reason as Error)
      late.signal.addEventListener('abort', end)
      try {
        await Promise.race([notify(late.signal), ended.promise])
        return
      } catch (error) {
        const gap = gaps[attempt]
        if (gap === undefined || this.#closing.signal.aborted) throw error
        await delay(gap, undefined, { signal: this.#closing.signal, ref: false })
      } finally {
        late.signal.removeEventListener('abort', end)
      }
    }
  }
}
