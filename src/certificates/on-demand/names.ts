import { BerthError, messageOf } from '../../errors.js'
import { RateLimit } from '../../lib/rate.js'
import { Semaphore } from '../../lib/semaphore.js'
import type { Logger } from '../../log.js'
import type { App } from '../../store/apps.js'
import { coversHost } from '../../store/certificates.js'
import { checkDomain, HostnameTaken, type Domain } from '../../store/domains.js'
import { unknownHostChanges, type OnDemand } from '../../store/on-demand.js'
import type { Store } from '../../store/store.js'
import { askApp } from './ask.js'

/** Hostnames that are looked at at once: each may wait for DNS and the app. */
const atOnce = 5
/** Hostnames of which it is remembered what became of them. */
const mostKnown = 10_000
/** ms for which it counts that the app says no, or has enough. A yes makes a domain at once. */
const noCounts = 600_000
/** ms after each failure in a row until a hostname is looked at again; the last one stays. */
const defaultGaps: readonly number[] = [1, 5, 15, 60].map((minutes) => minutes * 60_000)

/** What hostnames on demand are looked at with. */
export interface DemandedNamesDeps {
  readonly store: Pick<Store, 'apps' | 'onDemand' | 'routes' | 'notifications'>
  /** Apps answer at `<app>.<domain>`. */
  readonly domain: string
  readonly appHost: (name: string) => string
  /** Why a hostname does not lead here, in words; null: it does. */
  readonly elsewhere: (host: string) => Promise<string | null>
  readonly log: Logger
  /** Hosts of ask URLs that may have private addresses, and be asked by plain HTTP; default none. */
  readonly trusted?: readonly string[]
  readonly gaps?: readonly number[]
  readonly now?: () => number
}

/** What is known of a hostname. */
interface Known {
  /** ms: it is not looked at before. */
  readonly until: number
  /** In a row. */
  readonly failures: number
}

const unknown: Known = { until: 0, failures: 0 }

/** Settings, and the app that has them. */
interface Demand {
  readonly settings: OnDemand
  readonly app: App
}

/**
 * Decides about hostnames that clients ask for and no app has: those that are allowed, and lead here, become domains of the app that has
 * certificates on demand. All else (route, certificate, renewal) follows from that. There is one, in the one worker; it is in no request's way.
 */
export class DemandedNames implements AsyncDisposable {
  readonly #deps: DemandedNamesDeps
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  #budget = new RateLimit(1, 1)
  /** The settings that `#known` is about, as JSON. */
  #settings = ''
  #closed = false
  #looking: Promise<void> | undefined
  #again = false
  #unsubscribe: (() => void) | undefined

  constructor(deps: DemandedNamesDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
  }

  /** Begins. */
  async start(): Promise<void> {
    this.#unsubscribe = await this.#deps.store.notifications.subscribe(unknownHostChanges, () => this.#wake())
    this.#wake()
  }

  /** What is under way is ended: it takes seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#unsubscribe?.()
    await this.#looking
  }

  #wake(): void {
    this.#again = true
    this.#looking ??= this.#lookAll().finally(() => (this.#looking = undefined))
  }

  async #lookAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      await this.look().catch((error: unknown) =>
        this.#deps.log.warn(`hostnames on demand are not looked at: ${messageOf(error)}`),
      )
    }
  }

  /** Looks at what has been noted. */
  async look(): Promise<void> {
    const { store } = this.#deps
    const hosts = await store.onDemand.take()
    const settings = await store.onDemand.get()
    const app = settings && (await store.apps.find(settings.app))
    if (!app) return
    this.#adopt(settings)
    const turns = new Semaphore(atOnce)
    await Promise.all(hosts.map((host) => turns.run(() => this.#decide(host, { settings, app }))))
  }

  /** What was said under other settings counts no more. */
  #adopt(settings: OnDemand): void {
    const json = JSON.stringify(settings)
    if (json === this.#settings) return
    this.#settings = json
    this.#known.clear()
    const { asksPerMinute } = settings
    this.#budget = new RateLimit(asksPerMinute, asksPerMinute / 60, this.#now)
  }

  async #decide(host: string, demand: Demand): Promise<void> {
    const known = this.#known.get(host) ?? unknown
    if (this.#closed || known.until > this.#now() || !this.#isPossible(host)) return
    const { settings } = demand
    const listed = settings.allow.some((name) => coversHost(name, host))
    if (!listed && settings.ask === null) return
    // those that are named one by one are few; of all others there may be any number
    if (!settings.allow.includes(host) && !this.#budget.take('')) return
    try {
      await this.#admit(host, demand, listed)
    } catch (error) {
      await this.#failed(host, known, error)
    }
  }

  /** Names of apps are theirs, and no CA issues certificates for this machine's. */
  #isPossible(host: string): boolean {
    try {
      return checkDomain(host, this.#deps.domain) === host && !host.startsWith('*.') && !/(^|\.)localhost$/.test(host)
    } catch (error) {
      if (error instanceof BerthError) return false
      throw error
    }
  }

  /** @throws BerthError where it cannot be said, and may be another time */
  async #admit(host: string, demand: Demand, listed: boolean): Promise<void> {
    const { store, elsewhere, log } = this.#deps
    const full = reasonAgainstMore(demand, this.#now())
    if (full !== null) return this.#refuse(host, full)
    const reason = await elsewhere(host)
    if (reason !== null) throw new BerthError('unavailable', reason)
    if (!listed && !(await this.#ask(host, demand))) return this.#refuse(host, 'the app says no')
    await store.apps.update(demand.app.id, (app) => ({
      domains: withDemanded(host, { ...demand, app }, this.#now()),
    }))
    this.#known.delete(host)
    await this.#judge(host, true, listed ? 'it is in the table' : 'the app says yes')
    log.info({ host, app: demand.app.name }, 'hostname allowed on demand')
  }

  async #refuse(host: string, says: string): Promise<void> {
    this.#remember(host, { failures: 0, until: this.#now() + noCounts })
    await this.#judge(host, false, says)
  }

  async #ask(host: string, { settings, app }: Demand): Promise<boolean> {
    const { store, appHost, trusted } = this.#deps
    const route = await store.routes.get(app.id)
    const asking = { ask: settings.ask ?? '', appHost: appHost(app.name), targets: route?.targets ?? [] }
    return askApp(host, { ...asking, ...(trusted && { trusted }) })
  }

  async #failed(host: string, known: Known, error: unknown): Promise<void> {
    if (!(error instanceof BerthError)) throw error
    if (error instanceof HostnameTaken) return // somebody has given it to an app meanwhile
    const { gaps = defaultGaps } = this.#deps
    const failures = known.failures + 1
    const gap = gaps[Math.min(failures, gaps.length) - 1] ?? 0
    this.#remember(host, { failures, until: this.#now() + gap })
    await this.#judge(host, false, error.message)
  }

  #remember(host: string, known: Known): void {
    this.#known.delete(host)
    this.#known.set(host, known)
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value ?? '')
  }

  async #judge(host: string, allowed: boolean, says: string): Promise<void> {
    const at = new Date(this.#now()).toISOString()
    await this.#deps.store.onDemand.judge({ host, at, allowed, says: says.slice(0, 300) })
  }
}

/** Why an app is given no more hostnames, in words; null: it is. */
function reasonAgainstMore({ settings, app: { domains = [] } }: Demand, now: number): string | null {
  const demanded = domains.filter(({ onDemand }) => onDemand)
  if (demanded.length >= settings.most) return `the app has ${String(settings.most)} hostnames on demand, and no more`
  const today = demanded.filter(({ createdAt }) => Date.parse(createdAt) > now - 86_400_000).length
  return today < settings.namesPerDay ? null : `the app was given ${String(today)} hostnames in 24 hours, and no more`
}

/** @throws BerthError `conflict` when they are too many */
function withDemanded(host: string, demand: Demand, now: number): Domain[] {
  const { domains = [] } = demand.app
  if (domains.some((one) => one.host === host)) return [...domains]
  const full = reasonAgainstMore(demand, now)
  if (full !== null) throw new BerthError('conflict', full)
  return [...domains, { host, createdAt: new Date(now).toISOString(), onDemand: true }]
}
