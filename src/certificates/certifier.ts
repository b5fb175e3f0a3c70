import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError, messageOf } from '../errors.js'
import { Semaphore } from '../lib/semaphore.js'
import type { Logger } from '../log.js'
import type { Notifiers } from '../plugins/notifiers.js'
import { acmeChanges, type AcmeJob, type ProofType } from '../store/acme.js'
import { appChanges } from '../store/apps.js'
import { certificateChanges, type Certificate } from '../store/certificates.js'
import { platformChanges } from '../store/platform.js'
import { pluginChanges } from '../store/plugins.js'
import type { Store } from '../store/store.js'
import type { Authority } from './acme/client.js'
import { renewalId } from './acme/der.js'
import { AcmeProblem } from './acme/problem.js'
import type { TxtRecords } from './dns/records.js'
import { carryOut, certificateIdOf, withClient, type OrderDeps } from './order.js'
import {
  authorityFor,
  defaultGaps,
  demandedOf,
  hostsOf,
  newJob,
  nextAttempt,
  reasonAgainst,
  renewalTime,
} from './wanted.js'

/** Certificates that are ordered at once. */
const atOnce = 4

/** The longest wait until the next look, ms: what was missed is made good then. */
const longestRest = 3_600_000

/** Failures in a row that somebody is told of. */
const told = 3

/** After a look that failed, ms. */
const restAfterFault = 15_000

/** Whom hostnames belong to. */
interface Owner {
  /** App id; null is the platform's. */
  readonly id: string | null
  readonly autoCerts: boolean
  readonly hosts: readonly string[]
  /** Those of them that are certified even so. */
  readonly demanded: ReadonlySet<string>
}

/** What the certifier works with. */
export interface CertifierDeps {
  readonly store: Pick<Store, 'apps' | 'certificates' | 'acme' | 'platform' | 'notifications'>
  /** In order: the next is asked where one has failed. */
  readonly authorities: readonly [Authority, ...Authority[]]
  /** Where TXT records are made. */
  readonly dns?: TxtRecords | undefined
  readonly appHost: (name: string) => string
  readonly log: Logger
  /** Tells who wants to know that none comes; without it, nobody. */
  readonly notifiers?: Pick<Notifiers, 'tell' | 'recovered'> | undefined
  /** ms after each failure in a row until the next attempt. */
  readonly gaps?: readonly number[]
  /** ms between two looks at the CA. */
  readonly pace?: number
  /** Port of the router for HTTPS, where it has one. */
  readonly tlsPort?: number | undefined
  /** How hostnames are proven first; http-01 unless it says. */
  readonly first?: ProofType | undefined
  /** ms that the router has to hear of what it is to show in handshakes. */
  readonly hearing?: number | undefined
}

/**
 * Sees to it that every hostname that is to have a certificate has one: orders it, renews it, and leaves alone what is wanted no more.
 * All it knows is in the store; there is one, in the one worker.
 */
export class Certifier implements AsyncDisposable {
  readonly #deps: CertifierDeps
  readonly #closing = new AbortController()
  readonly #turns = new Semaphore(atOnce)
  /** Jobs under way, by app and hostname. */
  readonly #running = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  #unsubscribe: (() => void)[] = []

  constructor(deps: CertifierDeps) {
    this.#deps = deps
  }

  /** Begins: what was under way goes on. */
  async start(): Promise<void> {
    const { notifications } = this.#deps.store
    for (const channel of [appChanges, certificateChanges, acmeChanges, platformChanges, pluginChanges])
      this.#unsubscribe.push(await notifications.subscribe(channel, () => this.#wake()))
    this.#wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new BerthError('unavailable', 'the worker stops'))
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    await this.#looking
    clearTimeout(this.#timer)
    await Promise.all(this.#running.values())
  }

  #wake(): void {
    if (this.#closing.signal.aborted) return
    this.#again = true
    this.#looking ??= this.#lookAll().finally(() => (this.#looking = undefined))
  }

  async #lookAll(): Promise<void> {
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false
      const { signal } = this.#closing
      const began = performance.now()
      const rest = await this.#look().catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#deps.log.warn(`certificates are not looked after: ${messageOf(error)}`)
        return restAfterFault
      })
      // a thousand apps are a lot to look at, and each of their changes wakes
      const isOver = await sleep((performance.now() - began) * 10, false, { signal }).catch(() => true)
      clearTimeout(this.#timer)
      if (isOver) return
      this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(rest, 0), longestRest)).unref()
    }
  }

  /** One look at all of it. @returns ms until the next is due */
  async #look(): Promise<number> {
    const { store } = this.#deps
    const [owners, all, dns = false] = await Promise.all([
      this.#owners(),
      store.certificates.list(),
      this.#deps.dns?.isThere(),
    ])
    const wanted = new Map(
      owners.flatMap((one) => this.#wantedOf(one, all, dns).map((job) => [nameOf(job), job] as const)),
    )
    const known = new Map((await store.acme.jobs()).map((job) => [nameOf(job), job]))
    for (const [name, job] of known) if (!wanted.has(name) && !this.#running.has(name)) await store.acme.forget(job)
    for (const [name, job] of wanted) if (!known.has(name)) await store.acme.begin(this.#adopted(job, all))
    await this.#removeUnserving(owners, all)
    const now = Date.now()
    let next = now + longestRest
    for (const job of await store.acme.jobs()) {
      const name = nameOf(job)
      if (!wanted.has(name) || this.#running.has(name)) continue
      const isGone = job.certificate !== null && !all.some(({ id }) => id === job.certificate)
      const due = isGone ? now : job.next
      if (due <= now) this.#begin(job, isGone)
      else next = Math.min(next, due)
    }
    return next - now
  }

  /** Who has hostnames: the platform and apps. */
  async #owners(): Promise<Owner[]> {
    const { store, appHost } = this.#deps
    const [{ autoCerts }, apps] = await Promise.all([store.platform.choices(), store.apps.list()])
    const owners = apps.map((app) => ({
      ...{ id: app.id, autoCerts: app.autoCerts === true, hosts: hostsOf(app, appHost), demanded: demandedOf(app) },
    }))
    return [{ id: null, autoCerts, hosts: [appHost('berth')], demanded: new Set<string>() }, ...owners]
  }

  #wantedOf({ id, autoCerts, hosts, demanded }: Owner, all: readonly Certificate[], dns: boolean): AcmeJob[] {
    return hosts
      .filter((host) => autoCerts || demanded.has(host))
      .filter((host) => reasonAgainst(host, { certificates: all, app: id, dns }) === null)
      .map((host) => newJob(id, host, this.#deps.authorities[0].directory))
  }

  /** A job that begins with the certificate that there is already, perhaps from when it was wanted before. */
  #adopted(job: AcmeJob, all: readonly Certificate[]): AcmeJob {
    const before = all.find(({ id, notAfter }) => id === certificateIdOf(job) && notAfter > Date.now())
    if (!before) return job
    const renew = renewalTime(before)
    return { ...job, certificate: before.id, renew, next: renew }
  }

  /** Takes away what Berth ordered and nobody can be served with any more. */
  async #removeUnserving(owners: readonly Owner[], all: readonly Certificate[]): Promise<void> {
    for (const { id, app: owner, source, names, notAfter } of all) {
      if (source !== 'acme' || this.#running.has(`${owner ?? ''} ${names[0] ?? ''}`)) continue
      const of = owners.find((one) => one.id === owner)
      const serves = of?.hosts.filter((host) => names.includes(host)) ?? []
      const isWanted = of?.autoCerts === true || serves.some((host) => of?.demanded.has(host))
      if (serves.length === 0 || (!isWanted && notAfter < Date.now())) await this.#deps.store.certificates.remove(id)
    }
  }

  #begin(job: AcmeJob, isGone: boolean): void {
    const name = nameOf(job)
    const done = this.#turns
      .run(() => (this.#closing.signal.aborted ? Promise.resolve() : this.#work(job, isGone)))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#deps.log.error({ error, host: job.host }, 'a certificate was not looked after')
      })
      .finally(() => {
        this.#running.delete(name)
        this.#wake()
      })
    this.#running.set(name, done)
  }

  async #work(given: AcmeJob, isGone: boolean): Promise<void> {
    const { store, log } = this.#deps
    const job = isGone
      ? await store.acme.update(given, { certificate: null, renew: null })
      : await store.acme.job(given)
    if (job === null) return
    try {
      const isTime = job.certificate === null || job.order !== null || (job.renew ?? 0) <= Date.now()
      if (!isTime && !(await this.#isTimeByCa(job))) return
      const certificate = await carryOut(this.#orderDeps(authorityFor(job, this.#deps.authorities)), job)
      const renew = renewalTime(certificate)
      const ended = { order: null, key: null, failures: 0, failure: null, certificate: certificate.id }
      // the CA is asked in an hour when it would have it renewed; whatever it says, no certificate is renewed each minute
      const next = Math.max(Math.min(renew, Date.now() + 3_600_000), Date.now() + 60_000)
      await store.acme.update(job, { ...ended, renew, next })
      this.#deps.notifiers?.recovered(job.host)
      log.info({ host: job.host, until: new Date(certificate.notAfter).toISOString() }, 'certificate issued')
    } catch (error) {
      if (this.#closing.signal.aborted) return
      await this.#failed(job, error)
    }
  }

  /** Writes down why there is none, and when to try again: later each time. */
  async #failed(job: AcmeJob, error: unknown): Promise<void> {
    const { store, log, gaps = defaultGaps } = this.#deps
    const failures = job.failures + 1
    const wait = error instanceof AcmeProblem ? error.wait : 0
    const next = Date.now() + Math.max(nextAttempt(failures, gaps), wait)
    const hint = error instanceof BerthError && error.hint !== undefined ? ` (${error.hint})` : ''
    const failure = `${messageOf(error)}${hint}`.split('\n', 1)[0]?.slice(0, 500) ?? ''
    await store.acme.update(job, { failures, failure, next })
    const again = new Date(next).toISOString()
    // a CA that is away for a moment is nobody's concern
    if (failures >= told)
      this.#deps.notifiers?.tell({
        ...{ event: 'certificate.failed', level: 'error', subject: job.host, url: null },
        title: `no certificate for ${job.host}`,
        text: `${failure}; ${failures} times in a row, and tried again at ${again}`,
      })
    log.warn(
      { host: job.host, failures, again, ...(error instanceof BerthError ? {} : { error }) },
      `no certificate: ${failure}`,
    )
  }

  /** Asks the CA when it would have a certificate renewed (RFC 9773). @returns whether that is now */
  async #isTimeByCa(job: AcmeJob): Promise<boolean> {
    const { store } = this.#deps
    const certificate = await store.certificates.get(job.certificate ?? '')
    const id = certificate === null ? null : renewalId(new X509Certificate(certificate.chain))
    const own = job.renew ?? 0
    const issuer = this.#deps.authorities.find(({ directory }) => directory === job.directory)
    const window =
      id === null || issuer === undefined
        ? null
        : await withClient(this.#orderDeps(issuer), (client) => client.renewalWindow(id)).catch(orAway)
    if (window === null) {
      await store.acme.update(job, { next: own })
      return false
    }
    // another time in it at each look: in the end as even as one that was kept
    const time = window.start + Math.random() * Math.max(0, window.end - window.start)
    if (time <= Date.now()) return true
    const renew = Math.min(time, certificate?.notAfter ?? time)
    await store.acme.update(job, { renew, next: Math.min(renew, window.again) })
    return false
  }

  #orderDeps(authority: Authority): OrderDeps {
    const { dns, store, pace, tlsPort, first, hearing } = this.#deps
    return { authority, dns, store, pace, tlsPort, first, hearing, signal: this.#closing.signal }
  }
}

const nameOf = ({ app, host }: Pick<AcmeJob, 'app' | 'host'>): string => `${app ?? ''} ${host}`

/** A CA that does not say is as one that has no opinion: the certificate is renewed in time all the same. */
function orAway(error: unknown): null {
  if (error instanceof BerthError) return null
  throw error
}
