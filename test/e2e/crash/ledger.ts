/** Whether a thing is there: `unsure` from a request's being sent to its being answered. */
type State = 'there' | 'gone' | 'unsure'

/** What the engine has answered for: `image a:1`, `volume v`, `running c` and the like. */
export class Ledger {
  readonly #states = new Map<string, State>()
  readonly #waiting = new Set<() => void>()

  /** Asks for a change of things; they are what was asked for once it is answered. */
  async change<T>(things: readonly string[], to: 'there' | 'gone', work: () => Promise<T>): Promise<T> {
    for (const thing of things) this.#states.set(thing, 'unsure')
    const answer = await work()
    for (const thing of things) this.#states.set(thing, to)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
    return answer
  }

  /** Resolves at the next answer, before whoever asked goes on. */
  answered(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  /** Things of a kind that are there for sure, by name. */
  names(kind: string): string[] {
    return [...this.#states].flatMap(([thing, state]) =>
      state === 'there' && thing.startsWith(`${kind} `) ? [thing.slice(kind.length + 1)] : [],
    )
  }

  /** Forgets what was answered for of a thing. */
  doubt(thing: string): void {
    if (this.#states.has(thing)) this.#states.set(thing, 'unsure')
  }

  /** Compares with what there is, and takes that for what was unsure. @returns what was answered for and is not so */
  settle(found: ReadonlySet<string>): string[] {
    const wrong: string[] = []
    for (const [thing, state] of this.#states) {
      const there = found.has(thing)
      if (state === 'there' && !there) wrong.push(`${thing} was answered for, and is gone`)
      if (state === 'gone' && there) wrong.push(`${thing} was removed, and is back`)
      if (there) this.#states.set(thing, 'there')
      else this.#states.delete(thing)
    }
    for (const thing of found) if (!this.#states.has(thing)) this.#states.set(thing, 'there')
    return wrong
  }
}
