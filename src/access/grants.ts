import type { Store } from '../store/store.js'
import { revocations, type Token } from '../store/tokens.js'

// setTimeout counts milliseconds in 31 bits; a later end is looked for again then
const longestTimer = 2 ** 31 - 1

interface Grant {
  readonly token: Token
  readonly end: () => void
}

/** What is open to holders of tokens for long: it ends with the token, revoked or expired. */
export class Grants {
  readonly #store: Store
  readonly #open = new Set<Grant>()
  #listening: Promise<unknown> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** Runs a task, and calls `end`, once or more, when the token is good no more while it runs. */
  async during<T>(token: Token, end: () => void, task: () => Promise<T>): Promise<T> {
    const grant = { token, end }
    this.#open.add(grant)
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      if (token.expiresAt === null) return
      const left = Date.parse(token.expiresAt) - Date.now()
      timer = setTimeout(left <= longestTimer ? end : wait, Math.min(Math.max(left, 0), longestTimer)).unref()
    }
    wait()
    try {
      await this.#listen()
      if (!(await this.#store.tokens.isGood(token))) end() // it was revoked before we listened
      return await task()
    } finally {
      clearTimeout(timer)
      this.#open.delete(grant)
    }
  }

  async #listen(): Promise<void> {
    this.#listening ??= this.#store.notifications.subscribe(revocations, (id) => this.#revoked(id))
    try {
      await this.#listening
    } catch (error) {
      this.#listening = undefined // the next one tries again
      throw error
    }
  }

  /** An id, or none: then some may have been missed. */
  #revoked(id: string): void {
    for (const { token, end } of this.#open) {
      if (token.id === id) end()
      else if (id === '')
        this.#store.tokens.isGood(token).then(
          (good) => (good ? undefined : end()),
          () => undefined, // the store went again: this is called again when it is back
        )
    }
  }
}
