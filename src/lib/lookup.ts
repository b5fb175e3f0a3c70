import { Resolver } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What DNS says of a hostname. */
export interface Found {
  readonly addresses: readonly string[]
  /** What it is another name of. */
  readonly cname: string | null
  /** Asked twice, it said something else the second time. */
  readonly differs: boolean
  /** Why it is not known, in words; null where an answer came, be it that there is nothing. */
  readonly problem: string | null
}

/** Answers that say: there is nothing. */
const nothing = new Set(['ENOTFOUND', 'ENODATA'])

const problems: Readonly<Record<string, string>> = {
  ETIMEOUT: 'the DNS servers did not answer in time',
  ECANCELLED: 'the DNS servers did not answer in time',
  ECONNREFUSED: 'no DNS server can be reached',
  ESERVFAIL: 'the DNS servers could not find out: its zone is broken, or its name servers are away',
  EREFUSED: 'the DNS servers refused to answer',
}

const problemOf = (error: unknown): string | null => {
  const { code = '', message } = error as NodeJS.ErrnoException
  return nothing.has(code) ? null : (problems[code] ?? message)
}

/** The one way to write an address. */
export const canonical = (address: string): string =>
  isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address

interface Asked<T> {
  readonly value: T | null
  readonly problem: string | null
}

const asked = async <T>(question: Promise<T>): Promise<Asked<T>> =>
  question.then(
    (value) => ({ value, problem: null }),
    (error: unknown) => ({ value: null, problem: problemOf(error) }),
  )

/** Asks DNS, and no hosts file or cache of this machine. */
export class Lookup {
  readonly #servers: readonly string[]
  readonly #limit: number

  /**
   * @param servers `ADDRESS[:PORT]`; none are the system's
   * @param limit ms for one hostname
   */
  constructor(servers: readonly string[] = [], limit = 5_000) {
    this.#servers = servers
    this.#limit = limit
  }

  /** What it says of a hostname now, within the limit. */
  async find(host: string): Promise<Found> {
    const resolver = new Resolver({ timeout: Math.ceil(this.#limit / 4), tries: 2 })
    if (this.#servers.length > 0) resolver.setServers(this.#servers)
    const done = new AbortController()
    const late = sleep(this.#limit, null, { signal: done.signal, ref: false }).then(
      () => resolver.cancel(),
      () => undefined, // it was done
    )
    try {
      return await ask(resolver, host)
    } finally {
      done.abort()
      await late
    }
  }
}

async function ask(resolver: Resolver, host: string): Promise<Found> {
  const once = () => Promise.all([asked(resolver.resolve4(host)), asked(resolver.resolve6(host))])
  const [first, second, cname] = await Promise.all([once(), once(), asked(resolver.resolveCname(host))])
  const said = ([v4, v6]: readonly Asked<string[]>[]): string[] =>
    [...(v4?.value ?? []), ...(v6?.value ?? [])].map(canonical).sort()
  const [one, other] = [said(first), said(second)]
  const problem = [...first, ...second].map((answer) => answer.problem).find((words) => words !== null) ?? null
  return {
    addresses: [...new Set([...one, ...other])].sort(),
    cname: cname.value?.[0]?.toLowerCase() ?? null,
    differs: problem === null && one.join() !== other.join(),
    problem,
  }
}
