import { messageOf } from '../errors.js'

/**
 * Cables that are being taken away from containers that have ended. The kernel waits 10 to 40 ms before it lets go of one,
 * and nobody need wait with it, but for who wants the address again, or the network gone.
 */
export class PendingDetaches {
  readonly #going = new Map<string, Set<Promise<void>>>()
  readonly #report: (line: string) => void

  /** @param report told of a veth that stays */
  constructor(report: (line: string) => void) {
    this.#report = report
  }

  /** @param gone called once nothing leads to the container any more, and not at all when something still does */
  add(networkId: string, leaving: Promise<void>, gone: () => void): void {
    const mine = this.#going.get(networkId) ?? new Set()
    this.#going.set(networkId, mine)
    const departure = leaving
      .then(gone, (error: unknown) => this.#report(`a container's interface stays: ${messageOf(error)}`))
      .finally(() => {
        mine.delete(departure)
        if (mine.size === 0 && this.#going.get(networkId) === mine) this.#going.delete(networkId)
      })
    mine.add(departure)
  }

  /** Resolves when those on a network, or on all, are over. @returns whether there were any */
  async over(networkId?: string): Promise<boolean> {
    const going = networkId === undefined ? [...this.#going.values()] : [this.#going.get(networkId) ?? []]
    const pendingDetaches = going.flatMap((mine) => [...mine])
    await Promise.all(pendingDetaches)
    return pendingDetaches.length > 0
  }
}
