import type { App } from '../store/apps.js'
import type { AcmeJob } from '../store/acme.js'
import { certificateFor, type Certificate } from '../store/certificates.js'

/** What decides about a hostname. */
export interface Deciding {
  readonly certificates: readonly Certificate[]
  /** App id; null is the platform's. */
  readonly app: string | null
  /** TXT records can be made. */
  readonly dns: boolean
}

/** Why no certificate is ordered for a hostname, in words; null: one is. */
export function reasonAgainst(host: string, { certificates, app, dns }: Deciding): string | null {
  if (host.startsWith('*.') && !dns)
    return 'a CA wants proof by DNS for a wildcard: enable a DNS plugin (`berth plugins`), or bring one with `berth certs:add`'
  if (/(^|\.)localhost$/.test(host)) return 'it is of this machine alone'
  const shown = certificateFor(certificates, host, app)
  if (shown && shown.source === 'own' && shown.notAfter > Date.now()) return `certificate ${shown.id} is brought for it`
  return null
}

/** Hostnames of an app: its own, and its domains. */
export const hostsOf = ({ name, domains = [] }: App, appHost: (name: string) => string): string[] => [
  appHost(name),
  ...domains.map(({ host }) => host),
]

/** Hostnames that an app was given on demand: they are certified whatever else is. */
export const demandedOf = ({ domains = [] }: App): ReadonlySet<string> =>
  new Set(domains.filter(({ onDemand }) => onDemand).map(({ host }) => host))

/** Failures in a row after which the next CA is asked. */
const patienceWithOne = 2

/** Whom to ask for a certificate: the first CA, and after failures the next, round and round. A renewal begins with the first. */
export function authorityFor<T>({ failures }: Pick<AcmeJob, 'failures'>, all: readonly [T, ...T[]]): T {
  return all[Math.floor(failures / patienceWithOne) % all.length] ?? all[0]
}

/** ms after a failure until the next attempt; the last one stays. */
export const defaultGaps: readonly number[] = [1, 5, 15, 60, 180, 360, 720, 1440].map((minutes) => minutes * 60_000)

/** When to try again what has failed so often: a tenth more or less, so that those of many do not come together. */
export function nextAttempt(failures: number, gaps: readonly number[], random = Math.random()): number {
  const gap = gaps[Math.min(failures, gaps.length) - 1] ?? 0
  return gap * (0.9 + random / 5)
}

/** When to renew a certificate whose CA does not say: with a third of its life left, a twentieth of it earlier or later. */
export function renewalTime(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  random = Math.random(),
): number {
  const life = notAfter - notBefore
  return Math.floor(notBefore + life * (2 / 3 + (random - 0.5) / 10))
}

/** A job that nothing has been done of yet. */
export const newJob = (app: string | null, host: string, directory: string): AcmeJob => ({
  ...{
    app,
    host,
    directory,
    order: null,
    key: null,
    failures: 0,
    failure: null,
    next: 0,
    certificate: null,
    renew: null,
  },
})
