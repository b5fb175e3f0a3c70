import type { Redis } from 'ioredis'

type MessageListener = (message: string) => void

/**
 * One subscriber connection for everybody in a process who waits for Redis channels, opened at the first use. A message may
 * be lost while Redis is away, so all are notified when it is back: a notification means "look again", never "this
 * happened".
 */
export class Notifications {
  readonly #connect: () => Promise<Redis>
  readonly #listeners = new Map<string, Set<MessageListener>>()
  #connection: Promise<Redis> | undefined

  constructor(connect: () => Promise<Redis>) {
    this.#connect = connect
  }

  /** Resolves once subscribed: what is published from then on notifies. The answer unsubscribes. */
  async subscribe(channel: string, listener: MessageListener): Promise<() => void> {
    const redis = await this.#open()
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    await redis.subscribe(channel)
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return
      this.#listeners.delete(channel)
      redis.unsubscribe(channel).catch(() => undefined) // one message more to nobody
    }
  }

  /** Ends the connection, if there is one; nobody is notified any more. */
  async close(): Promise<void> {
    const open = await this.#connection
    this.#connection = undefined
    open?.disconnect()
  }

  #open(): Promise<Redis> {
    this.#connection ??= this.#connect().then(
      (redis) => {
        redis.on('message', (channel: string, message: string) => this.#notify(channel, message))
        redis.on('ready', () => {
          for (const channel of this.#listeners.keys()) this.#notify(channel, '')
        })
        return redis
      },
      (error: unknown) => {
        this.#connection = undefined
        throw error
      },
    )
    return this.#connection
  }

  #notify(channel: string, message: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message)
  }
}
