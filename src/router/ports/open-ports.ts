import { messageOf } from '../../errors.js'
import { deadline } from '../../lib/deadline.js'
import type { Logger } from '../../log.js'
import { portName } from '../../store/ports.js'
import type { Clients } from '../clients.js'
import type { Ends } from '../entrances.js'
import type { PortLead, Table } from '../table.js'
import type { OpenPort } from './open-port.js'
import { TcpPort } from './tcp-port.js'
import { UdpPort } from './udp-port.js'

/** ms after which a port that could not be opened is tried again. */
const againTime = 1_000

/** What the ports of apps need of the router. */
export interface OpenPortsDeps {
  readonly table: Pick<Table, 'ports'>
  readonly clients: Clients
  /** UDP sessions of one client address. */
  readonly clientSessions: number
  readonly log: Logger
  /** Whether a port of an app is open is another than it was. */
  readonly changed: (app: string) => void
}

interface Kept {
  lead: PortLead
  readonly port: OpenPort
  /** Why it is not open. */
  failure: string | undefined
}

const words: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program of this machine has it',
  EACCES: 'the router may not open it',
}
const whyNot = (error: unknown): string =>
  words[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error).slice(0, 200)

/** The ports of this machine that lead to apps: those of the table, and no others, are open. */
export class OpenPorts implements Ends {
  readonly #deps: OpenPortsDeps
  /** By app and name: when a port goes to another app, what the one had of it ends. */
  readonly #kept = new Map<string, Kept>()
  #again: NodeJS.Timeout | undefined
  #isOver = false

  constructor(deps: OpenPortsDeps) {
    this.#deps = deps
  }

  /** Opens what the table leads by and closes what it does not. Resolves when all of it is open, or cannot be. */
  async apply(): Promise<void> {
    if (this.#isOver) return
    const leads = new Map(this.#deps.table.ports().map((lead) => [`${lead.app} ${portName(lead)}`, lead]))
    for (const [key, { port, failure }] of this.#kept) {
      if (leads.has(key)) continue
      this.#kept.delete(key)
      if (failure === undefined) void port.ended()
      port.cut()
    }
    const fresh = [...leads].flatMap(([key, lead]) => {
      const kept = this.#kept.get(key)
      if (kept) kept.lead = lead
      return kept ? [] : [this.#keep(key, lead)]
    })
    await Promise.all(fresh.map((kept) => this.#open(kept)))
    this.#tryAgain()
  }

  /** Those of an app that are not open, each with why. */
  unopened(app: string): Readonly<Record<string, string>> {
    const failed = Array.from(this.#kept.values(), ({ lead, failure }) =>
      lead.app === app && failure !== undefined ? [[portName(lead), failure] as const] : [],
    )
    return Object.fromEntries(failed.flat())
  }

  /** Takes in nobody any more; what is under way is broken off after `ms`. */
  async leave(ms: number): Promise<void> {
    const all = this.#end()
    using late = deadline(ms)
    late.signal.addEventListener('abort', () => all.forEach(({ port }) => port.cut()))
    await Promise.all(all.map(({ port }) => port.ended()))
  }

  /** Takes in nobody any more, and breaks off what is under way. */
  async close(): Promise<void> {
    const all = this.#end()
    const ended = all.map(({ port }) => port.ended())
    for (const { port } of all) port.cut()
    await Promise.all(ended)
  }

  #end(): Kept[] {
    this.#isOver = true
    clearTimeout(this.#again)
    return [...this.#kept.values()].filter(({ failure }) => failure === undefined)
  }

  #keep(key: string, lead: PortLead): Kept {
    const { clients, clientSessions } = this.#deps
    const find = (): PortLead => kept.lead
    const port = lead.protocol === 'tcp' ? new TcpPort(find, clients) : new UdpPort(find, { each: clientSessions })
    const kept: Kept = { lead, port, failure: undefined }
    this.#kept.set(key, kept)
    return kept
  }

  async #open(kept: Kept): Promise<void> {
    const { log, changed } = this.#deps
    const { app } = kept.lead
    const before = kept.failure
    try {
      await kept.port.open()
      kept.failure = undefined
      if (![...this.#kept.values()].includes(kept) || this.#isOver) return void kept.port.ended() // taken back meanwhile
      if (before !== undefined) log.info({ app }, `port ${portName(kept.lead)} is open now`)
    } catch (error) {
      kept.failure = whyNot(error)
      if (before !== kept.failure) log.error({ app }, `port ${portName(kept.lead)} cannot be opened: ${kept.failure}`)
    }
    if (before !== undefined && before !== kept.failure) changed(app)
  }

  #tryAgain(): void {
    clearTimeout(this.#again)
    const failed = [...this.#kept.values()].filter(({ failure }) => failure !== undefined)
    if (failed.length === 0 || this.#isOver) return
    this.#again = setTimeout(() => {
      const still = failed.filter((one) => [...this.#kept.values()].includes(one))
      void Promise.all(still.map((kept) => this.#open(kept))).then(() => this.#tryAgain())
    }, againTime)
  }
}
