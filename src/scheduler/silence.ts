import type { BerthError } from '../errors.js'
import { explainSilence, tellTail } from './diagnosis.js'
import type { AppEngine } from './app-engine.js'
import { listenersOf } from './sockets.js'

/** Milliseconds between knocks at a port where nothing listens: no event tells, so knock often at first, then less. */
const paces = (waited: number): number => (waited < 1_000 ? 4 : waited < 2_000 ? 8 : waited < 10_000 ? 50 : 250)

/** Milliseconds between looks at what listens where; the kernel goes through all its connections for each, 4 ms. */
const lookMs = 250

/** Where a process that runs is. */
export interface ProcessPlace {
  readonly pid: number
  /** On its app's network; '' has none. */
  readonly address: string
}

/** A process that should listen. */
export interface SilenceSubject {
  /** Container id. */
  readonly id: string
  readonly process: string
  readonly place: ProcessPlace
  /** Where it should listen. */
  readonly port: number
  /** How long it is waited for, in milliseconds. */
  readonly patience: number
  /** How long it may listen on the loopback address only, in milliseconds. */
  readonly loopback: number
  readonly engine: AppEngine
  readonly log: (line: string) => void
  /** @throws BerthError that says how it ended, when it does not run */
  alive(): Promise<unknown>
}

/** While a process that has started does not listen where requests reach it: why that may be. */
export class Silence {
  readonly #subject: SilenceSubject
  readonly #began = Date.now()
  #looked = Date.now()
  #loopbackSince = 0
  #told = false
  #isOver = false

  constructor(subject: SilenceSubject) {
    this.#subject = subject
  }

  /** Whether it is not known to listen. */
  lasts(): boolean {
    return !this.#isOver
  }

  /** It listens, or need not. */
  end(): void {
    this.#isOver = true
  }

  /** Looks, now and then, at what listens instead. @returns milliseconds until the next knock */
  async look(): Promise<number> {
    const { process, port, place, loopback, log } = this.#subject
    const waited = Date.now() - this.#began
    if (Date.now() - this.#looked < lookMs) return paces(waited)
    const heard = await listenersOf(place.pid, place.address)
    this.#looked = Date.now()
    if (heard === null) {
      // not to be seen from here: it died (alive says so), or the engine is on another machine
      await this.#subject.alive()
      return paces(waited)
    }
    const own = heard.filter((one) => one.port === port)
    if (own.some((one) => !one.loopback)) this.#isOver = true
    else if (own.length === 0) this.#loopbackSince = 0
    else if (this.#loopbackSince === 0) this.#loopbackSince = Date.now()
    else if (Date.now() - this.#loopbackSince > loopback) throw await this.explain()
    const other = heard.find((one) => !one.loopback)
    if (!this.#told && waited > 5_000 && other) {
      this.#told = true
      log(`${process} listens on port ${other.port}; waiting for it to listen on port ${port}`)
    }
    return paces(waited)
  }

  async explain(): Promise<BerthError> {
    const { process, port, id, place, patience, engine, log } = this.#subject
    const heard = await listenersOf(place.pid, place.address)
    if (!heard || heard.length === 0) await tellTail(engine, process, id, log)
    return explainSilence(process, port, patience / 1000, heard)
  }
}
