import type { Backend } from './backend.js'

/** Processes that are alike, taken in turn. */
export class RoundRobin {
  readonly backends: readonly Backend[]
  #next = 0

  constructor(backends: readonly Backend[]) {
    this.backends = backends
  }

  /**
   * The next process not yet tried; one that was unreachable a moment ago only when there is no other.
   * @param mark of the process that comes before all others
   */
  pick(tried?: ReadonlySet<Backend>, mark?: string): Backend | undefined {
    const own = mark === undefined ? undefined : this.backends.find((one) => one.mark === mark)
    if (own && !own.suspect && tried?.has(own) !== true) return own
    const count = this.backends.length
    let last: Backend | undefined
    for (let i = 0; i < count; i++) {
      const index = (this.#next + i) % count
      const backend = this.backends[index]
      if (backend === undefined || tried?.has(backend)) continue
      if (backend.suspect) {
        last ??= backend
        continue
      }
      this.#next = (index + 1) % count
      return backend
    }
    return last
  }
}
