import { readHostname } from '../lib/hostname.js'

/** Hostnames that wait to be passed on. */
const mostPending = 500
/** Hostnames that have been, lately. */
const mostRecent = 10_000
/** ms until a hostname is passed on again. */
const recentFor = 30_000
/** ms in which hostnames are gathered. */
const gatherFor = 500
/** ms in which nothing is noted after nobody wanted to know. */
const quietFor = 5_000

/** Passes hostnames on; false: nobody wants to know. */
export type TellHosts = (hosts: readonly string[]) => Promise<boolean>

/**
 * Notes hostnames that clients ask for and no app has, so that the worker may decide about them. Whatever is asked for, memory is bounded,
 * and so is what is passed on: made-up names beyond that are dropped, and so may others be, until their client comes again.
 */
export class UnknownHosts {
  readonly #tell: TellHosts
  readonly #now: () => number
  readonly #pending = new Set<string>()
  /** Until when, in ms. */
  readonly #recent = new Map<string, number>()
  #quietUntil = 0

  constructor(tell: TellHosts, now: () => number = Date.now) {
    this.#tell = tell
    this.#now = now
  }

  /** @param host as a route has it */
  note(host: string): void {
    const now = this.#now()
    if (now < this.#quietUntil || this.#pending.size >= mostPending || this.#pending.has(host)) return
    if ((this.#recent.get(host) ?? 0) > now) return
    const read = readHostname(host)
    if (!('host' in read) || read.host !== host) return
    this.#pending.add(host)
    if (this.#pending.size === 1) setTimeout(() => void this.#pass(), gatherFor).unref()
  }

  async #pass(): Promise<void> {
    const hosts = [...this.#pending]
    this.#pending.clear()
    const until = this.#now() + recentFor
    for (const host of hosts) {
      this.#recent.delete(host)
      this.#recent.set(host, until)
      if (this.#recent.size > mostRecent) this.#recent.delete(this.#recent.keys().next().value ?? '')
    }
    // a store that is away is as one that does not want to know
    if (await this.#tell(hosts).catch(() => false)) return
    this.#quietUntil = this.#now() + quietFor
    this.#recent.clear()
  }
}
