/** What a sync says, from its beginning, for as many as want to read it. Its length is its writer's to bound. */
export class SyncOutput {
  #text = ''
  #over = false
  #more = Promise.withResolvers<undefined>()

  write(text: string): void {
    this.#text += text
    this.#tell()
  }

  end(): void {
    this.#over = true
    this.#tell()
  }

  /** All of it, as it comes. Ends early when the signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<string, void> {
    const gone = Promise.withResolvers<undefined>()
    const leave = (): void => gone.resolve(undefined)
    signal.addEventListener('abort', leave, { once: true })
    try {
      for (let at = 0; !signal.aborted;) {
        const more = this.#more.promise
        if (at < this.#text.length) {
          const text = this.#text.slice(at)
          at += text.length
          yield text
        } else if (this.#over) return
        else await Promise.race([more, gone.promise])
      }
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #tell(): void {
    this.#more.resolve(undefined)
    this.#more = Promise.withResolvers()
  }
}
