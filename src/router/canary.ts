import { createHash } from 'node:crypto'
import type { CanaryRule } from '../canary-rule.js'
import type { CanaryCounts, CanarySide } from '../store/canaries.js'
import type { Backend } from './backend.js'
import { keyOf } from './clients.js'
import { valueOf } from './headers.js'
import { RoundRobin } from './round-robin.js'
import { OwnCookie } from './rules/own-cookie.js'

/** Who asks. */
export interface Visitor {
  /** Of the request, `[name, value, …]`. */
  readonly headers: readonly string[]
  /** Its address, as far as the proxies before us are believed. */
  readonly client: string
}

/** Of each side, requests and those that were not answered well. */
type Counting = Record<CanarySide, { requests: number; errors: number }>

const nothing = (): Counting => ({ stable: { requests: 0, errors: 0 }, canary: { requests: 0, errors: 0 } })

/**
 * The canary release of an app: who gets to it, and what came of that. Each client has a number from 0 to 99, which follows from its
 * address, and which it keeps in a cookie when its address changes; those below the percentage get to the canary. So a client stays
 * where it is, by every router, and when the percentage grows nobody goes back.
 */
export class CanaryGroup {
  readonly rule: CanaryRule
  readonly processes: RoundRobin
  readonly #subject: string
  readonly #cookie: OwnCookie
  #counts: Counting

  /** @param before the one of the app until now */
  constructor(app: string, rule: CanaryRule, backends: readonly Backend[], before?: CanaryGroup) {
    this.rule = rule
    this.processes = new RoundRobin(backends)
    // those of the next canary are others
    this.#subject = `canary ${app} ${rule.since}`
    this.#cookie = new OwnCookie(this.#subject, '\\d{1,2}')
    this.#counts = before?.rule.since === rule.since ? before.#counts : nothing()
  }

  /** Whether a request is for it. */
  wants({ headers, client }: Visitor): boolean {
    const { header, percent } = this.rule
    if (header && valueOf(headers, header.name) === header.value) return true
    return percent > 0 && Number(this.#cookie.in(headers) ?? this.#numberOf(client)) < percent
  }

  /** The cookie that has a client keep its number; undefined where it does, or has no use for one. */
  cookieFor({ headers, client }: Visitor, isSecure: boolean): string | undefined {
    if (this.rule.percent === 0 || this.#cookie.in(headers) !== undefined) return undefined
    return this.#cookie.line(String(this.#numberOf(client)), isSecure)
  }

  /** Counts a request that was answered, by a process or in place of it. */
  count(backend: Backend, isError: boolean): void {
    const side = this.#counts[this.processes.backends.includes(backend) ? 'canary' : 'stable']
    side.requests += 1
    if (isError) side.errors += 1
  }

  /** What was counted since it was last taken; null is nothing. */
  takeCounts(): CanaryCounts | null {
    const counts = this.#counts
    if (counts.stable.requests + counts.canary.requests === 0) return null
    this.#counts = nothing()
    return counts
  }

  #numberOf(client: string): number {
    const hash = createHash('sha256')
      .update(`${this.#subject} ${keyOf(client)}`)
      .digest()
    return hash.readUInt32BE() % 100
  }
}
