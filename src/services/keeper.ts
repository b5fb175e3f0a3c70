import { label } from '../config.js'
import { BerthError, is, messageOf } from '../errors.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import type { Logger } from '../log.js'
import type { Notifiers } from '../plugins/notifiers.js'
import { linksLabel } from '../scheduler/links.js'
import { serviceChanges, type Service } from '../store/services.js'
import { converge, serves } from './converge.js'
import { serverOf, type ServiceDeps } from './server.js'

/** ms between looks at every service, in case something was missed. */
const roundMs = 30_000

/** What the one keeper of an instance needs. */
export interface ServiceKeeperDeps extends ServiceDeps {
  readonly log: Logger
  /** Tells who wants to know what cannot be done; without it, nobody. */
  readonly notifiers?: Pick<Notifiers, 'tell' | 'recovered'>
}

/** Makes every service what its record says it is to be, for as long as it is not stopped. The worker has the one of an instance. */
export class ServiceKeeper {
  readonly #deps: ServiceKeeperDeps
  readonly #mutex = new KeyedMutex()
  readonly #queued = new Set<string>()
  readonly #stopping = new AbortController()
  #round: NodeJS.Timeout | undefined
  #unsubscribe = (): void => undefined

  constructor(deps: ServiceKeeperDeps) {
    this.#deps = deps
  }

  /** Looks at every service, and from now on at each that changes. Resolves when it is told of changes. */
  async start(): Promise<void> {
    const { store, config, engine, log } = this.#deps
    const all = (): void => void this.#wakeAll()
    this.#unsubscribe = await store.notifications.subscribe(serviceChanges, (id) =>
      id === '' ? all() : this.#wake(id),
    )
    this.#round = setInterval(all, roundMs)
    const filters = { type: ['container'], label: [`${label.instance}=${config.name}`], event: ['die', 'destroy'] }
    void (async () => {
      for await (const { action, attributes } of engine.events(filters, this.#stopping.signal)) {
        const service = attributes[label.service]
        // a process that had a link has ended, or some may have, as servers may
        if (action === 'connected' || attributes[linksLabel] !== undefined) all()
        else if (service !== undefined && action === 'die') this.#wake(service)
      }
    })().catch((error: unknown) => log.warn(`services: the engine's events are lost: ${messageOf(error)}`))
    all()
  }

  /** Looks at none any more; services run on. Resolves when nothing is being done. */
  async stop(): Promise<void> {
    clearInterval(this.#round)
    this.#stopping.abort()
    this.#unsubscribe()
    await Promise.all([...this.#queued].map((id) => this.#mutex.run(id, () => Promise.resolve())))
  }

  /** Does something with a service while nothing else is done to it. */
  exclusive<T>(id: string, task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(id, task)
  }

  async #wakeAll(): Promise<void> {
    try {
      for (const { id } of await this.#deps.store.services.list()) this.#wake(id)
    } catch (error) {
      this.#deps.log.warn(`services cannot be looked at: ${messageOf(error)}`)
    }
  }

  #wake(id: string): void {
    if (this.#queued.has(id) || this.#stopping.signal.aborted) return
    this.#queued.add(id)
    void this.#mutex
      .run(id, async () => {
        this.#queued.delete(id)
        if (!this.#stopping.signal.aborted) await this.#look(id)
      })
      .catch((error: unknown) => this.#deps.log.warn({ service: id }, `cannot look after it: ${messageOf(error)}`))
  }

  async #look(id: string): Promise<void> {
    const { store, log } = this.#deps
    const service = await store.services.find(id)
    if (service === null || !(await this.#isDue(service))) return
    let failure: string | null = null
    try {
      await converge(this.#deps, service)
    } catch (error) {
      // an engine that is away comes back: then it is done
      if (is(error, 'unavailable')) throw error
      failure = messageOf(error)
      if (!(error instanceof BerthError)) log.error({ error, service: service.name }, 'service failed unexpectedly')
      log.warn({ service: service.name }, failure)
    }
    this.#tell(service, failure)
    if (service.wants === 'gone' && failure === null) return
    await store.services.update(id, ({ done, failure: was }) =>
      done === service.turn && was === failure ? null : { done: service.turn, failure, note: null },
    )
  }

  #tell({ name, failure: was }: Service, failure: string | null): void {
    const { notifiers } = this.#deps
    if (!notifiers || failure === was) return
    const common = { subject: name, url: null } as const
    if (failure !== null) {
      const title = `the service ${name} is not what it is to be`
      notifiers.tell({ ...common, event: 'service.failed', level: 'error', title, text: failure })
      return
    }
    notifiers.recovered(name)
    notifiers.tell({
      ...common,
      event: 'service.recovered',
      level: 'info',
      title: `the service ${name} is well again`,
      text: '',
    })
  }

  /** Whether something is asked of it that is not done, or it is not what it is to be. */
  async #isDue(service: Service): Promise<boolean> {
    const { wants, turn, done, failure, links, facts } = service
    if (turn !== done || wants === 'gone') return true
    if (!facts && wants === 'running') return failure === null // of an earlier Berth
    const server = await serverOf(this.#deps, service)
    const running = server?.State.Running === true
    if (wants === 'stopped') return running
    // one that failed waits for somebody to ask again, unless it has come round by itself
    if (failure !== null)
      return server !== null && serves(this.#deps, service, await this.#deps.plugins.get(service.kind), server.Id)
    return !running || links.some(({ ends, ending }) => ends || ending.length > 0)
  }
}
