import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { eldersIn, busyIn, mapIn, serversIn, slotsIn, type KnownServer } from './answers.js'
import { files, masterSocket, slotName } from './configuration.js'
import { ListedCertificates } from './certificates.js'
import { HaproxyDirectory } from './directory.js'
import { HaproxyAway, Runtime } from './runtime.js'
import {
  messageOf,
  type DataPlane,
  type PlaneEvents,
  type PlanePlace,
  type PlaneState,
  type PluginLog,
} from 'berth/plugin'
import { serverLine, Slots, slotsFor, wantedState, type HaproxyState } from './state.js'

/** ms between two looks for an HAProxy that is away. */
const lookAgain = 50
/** ms after which an HAProxy that takes no commands is one that is not there. */
const awayFor = 2000
/** ms between two looks whether processes have ended what they had. */
const drainLook = 20

const nothing: PlaneState = { plain: new Map(), secure: new Map(), targets: new Map(), certificates: [] }

/**
 * Drives an HAProxy that somebody else keeps running, by its runtime API and without a reload, except where there are more apps than
 * it has backends for. Its files say at all times what it is to have, so that it can be killed at any.
 */
export class HaproxyPlane implements DataPlane {
  readonly #directory: HaproxyDirectory
  readonly #runtime: Runtime
  readonly #events: PlaneEvents
  readonly #log: PluginLog
  readonly #end = new AbortController()
  /** Of each slot, as HAProxy has them; undefined while it is away. */
  #servers: Map<number, KnownServer[]> | undefined
  #maps: { plain: Map<string, string>; secure: Map<string, string> } = { plain: new Map(), secure: new Map() }
  readonly #certificates: ListedCertificates
  #slots = new Slots(slotsFor(0))
  #wanted = nothing
  /** Of every process that is, or was and has not ended. */
  readonly #appOf = new Map<string, string>()
  /** Processes that workers of before have requests of. */
  #elder = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()
  /** What failed last, to be told once. */
  #told = ''
  #looking: Promise<void> | undefined
  readonly #learned = new EventEmitter()
  #watching: Promise<void> | undefined

  constructor(place: PlanePlace, events: PlaneEvents, log: PluginLog) {
    this.#directory = new HaproxyDirectory(place)
    this.#runtime = new Runtime(masterSocket(place))
    this.#certificates = new ListedCertificates(this.#directory, this.#runtime, log)
    this.#events = events
    this.#log = log
  }

  /** Writes its files, and follows HAProxy from then on, whenever it is there. */
  async start(first: PlaneState): Promise<void> {
    const changed = await this.#directory.prepare()
    const known = await this.#directory.read('slots.json')
    this.#slots = new Slots(slotsFor(first.targets.size), known === null ? [] : parseSlots(known))
    this.#know(first)
    await this.#save()
    if (changed) await this.#reload().catch(this.#unlessAway('goes on as it was configured before'))
    this.#watching = this.#watch()
  }

  async apply(state: PlaneState): Promise<void> {
    const done = await this.#inTurn(async () => {
      if (this.#end.signal.aborted) return true // another drives it
      this.#know(state)
      try {
        await this.#sync()
        return this.#servers !== undefined
      } catch (error) {
        this.#log.warn(`HAProxy does not take commands: ${messageOf(error)}`)
        this.#lose()
        return false
      }
    })
    // it may be reading its configuration again, and lead as it did until it has
    if (!done) await Promise.race([once(this.#learned, 'learned'), sleep(awayFor)])
  }

  busy(app: string, targets: readonly { readonly id: string }[]): string[] {
    const wanted = new Set(targets.map(({ id }) => id))
    const held = new Set([...this.#elder, ...[...(this.#servers?.values() ?? [])].flat().map(({ id }) => id)])
    return [...held].filter((id) => !wanted.has(id) && this.#appOf.get(id) === app)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    await Promise.all([this.#watching, this.#looking, this.#turn])
    this.#servers = undefined
    this.#elder.clear()
  }

  /** For what need not be done where HAProxy is away; every other failure is told. */
  readonly #unlessAway =
    (what: string) =>
    (error: unknown): void => {
      const why = messageOf(error)
      if (error instanceof HaproxyAway || this.#told === why) return
      this.#told = why
      this.#log.error(`HAProxy ${what}: ${why}`)
    }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(task)
    this.#turn = run.catch(() => undefined)
    return run
  }

  #know(state: PlaneState): void {
    this.#wanted = state
    for (const [app, targets] of state.targets) for (const { id } of targets) this.#appOf.set(id, app)
  }

  async #watch(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      const gone = this.#runtime.gone(signal)
      try {
        await this.#inTurn(() => this.#learn())
        this.#learned.emit('learned')
        this.#log.info(`driving HAProxy: ${this.#servers?.size ?? 0} apps, ${this.#slots.count} slots`)
        await gone
      } catch (error) {
        this.#unlessAway('cannot be driven')(error)
        await sleep(lookAgain, undefined, { signal }).catch(() => undefined)
        continue
      }
      this.#lose()
    }
  }

  /** Reads what HAProxy has, and gives it what it lacks. */
  async #learn(): Promise<void> {
    const path = (name: string): string => this.#directory.path(name)
    const ask = (command: string) => this.#runtime.ask(command)
    const count = slotsIn(await ask('show backend'))
    if (count === 0) throw new HaproxyAway('HAProxy has not begun')
    this.#slots = new Slots(count, this.#slots.entries())
    this.#maps = {
      plain: mapIn(await ask(`show map ${path(files.plain)}`)),
      secure: mapIn(await ask(`show map ${path(files.secure)}`)),
    }
    await this.#certificates.learn()
    this.#servers = serversIn(await ask('show servers state'))
    this.#attribute(this.#servers)
    await this.#sync()
    this.#look()
  }

  /** A process that a router before us has taken away is of the app that has its slot. */
  #attribute(servers: ReadonlyMap<number, readonly KnownServer[]>): void {
    for (const [app, slot] of this.#slots.entries())
      for (const { id } of servers.get(slot) ?? []) if (!this.#appOf.has(id)) this.#appOf.set(id, app)
  }

  /** HAProxy is gone, and with it what it had in its hands. */
  #lose(): void {
    const had = new Set([...(this.#servers?.values() ?? [])].flat().map(({ id }) => this.#appOf.get(id)))
    this.#servers = undefined
    for (const app of had) if (app !== undefined) this.#events.drained(app)
  }

  async #save(): Promise<HaproxyState> {
    this.#slots.assign(this.#wanted.targets.keys(), (slot) => (this.#servers?.get(slot)?.length ?? 0) > 0)
    const wanted = wantedState(this.#wanted, this.#slots)
    await this.#directory.save(wanted, this.#slots.entries())
    return wanted
  }

  async #sync(): Promise<void> {
    if (this.#servers) await this.#certificates.sync(this.#wanted.certificates)
    const wanted = await this.#save()
    if (!this.#servers) return
    const commands = [
      ...this.#changedServers(wanted),
      ...this.#changedMap(files.plain, this.#maps.plain, wanted.plain),
      ...this.#changedMap(files.secure, this.#maps.secure, wanted.secure),
    ]
    // a host goes by its new slot before the servers of its old one are taken away
    const retired = this.#retired(wanted)
    if (commands.length + retired.length > 0) {
      const said = await this.#runtime.tell([...commands, ...retired])
      const added = commands.filter((command) => command.startsWith('add server ')).length
      const isDone = (said.match(/^New server registered/gm)?.length ?? 0) === added
      this.#servers = isDone
        ? afterSync(this.#servers, wanted)
        : serversIn(await this.#runtime.ask('show servers state'))
      this.#maps = { plain: new Map(wanted.plain), secure: new Map(wanted.secure) }
    }
    this.#look()
    if (this.#slots.count < slotsFor(this.#wanted.targets.size) / 2) await this.#grow()
  }

  #changedServers({ servers }: HaproxyState): string[] {
    return [...servers].flatMap(([slot, targets]) => {
      const known = new Map(this.#servers?.get(slot)?.map((server) => [server.id, server]))
      return targets.flatMap((target) => {
        const name = `${slotName(slot)}/${target.id}`
        const before = known.get(target.id)
        if (!before) return [`add server ${slotName(slot)}/${serverLine(target)}`, `enable server ${name}`]
        const moved = before.host !== target.host || before.port !== target.port
        return [
          ...(moved ? [`set server ${name} addr ${target.host} port ${target.port}`] : []),
          ...(before.retired ? [`set server ${name} state ready`] : []),
        ]
      })
    })
  }

  #changedMap(name: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
    const map = this.#directory.path(name)
    const gone = [...before.keys()].filter((host) => !after.has(host)).map((host) => `del map ${map} ${host}`)
    const changed = [...after].flatMap(([host, backend]) => {
      const known = before.get(host)
      if (known === backend) return []
      return [known === undefined ? `add map ${map} ${host} ${backend}` : `set map ${map} ${host} ${backend}`]
    })
    return [...changed, ...gone]
  }

  #retired({ servers }: HaproxyState): string[] {
    return [...(this.#servers ?? [])].flatMap(([slot, known]) => {
      const wanted = new Set(servers.get(slot)?.map(({ id }) => id))
      const gone = known.filter(({ id, retired }) => !wanted.has(id) && !retired)
      return gone.map(({ id }) => `set server ${slotName(slot)}/${id} state maint`)
    })
  }

  /** Takes away servers that have ended what they had. */
  async #sweep(): Promise<void> {
    for (const [slot, servers] of this.#servers ?? [])
      for (const server of servers.filter(({ retired }) => retired)) {
        const answer = await this.#runtime.ask(`del server ${slotName(slot)}/${server.id}`)
        if (!/deleted|No such server/i.test(answer)) continue
        const left = servers.filter((other) => other !== server && (this.#servers?.get(slot) ?? []).includes(other))
        this.#servers?.set(slot, left)
        this.#ended(server.id)
      }
  }

  #ended(id: string): void {
    const app = this.#appOf.get(id)
    if (app === undefined) return
    if (!this.#wanted.targets.get(app)?.some((target) => target.id === id) && !this.#elder.has(id))
      this.#appOf.delete(id)
    this.#events.drained(app)
  }

  /** Looks until nothing that was taken away has anything in its hands. */
  #look(): void {
    this.#looking ??= this.#lookOn().finally(() => (this.#looking = undefined))
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#end
    for (;;) {
      const more = await this.#inTurn(async () => {
        await this.#sweep()
        return (await this.#askElders()) || this.#isDraining()
      }).catch(this.#unlessAway('does not say what it has in its hands')) // when it is back there is another look
      if (!more || signal.aborted) return
      await sleep(drainLook, undefined, { signal }).catch(() => undefined)
    }
  }

  #isDraining(): boolean {
    return [...(this.#servers?.values() ?? [])].some((servers) => servers.some(({ retired }) => retired))
  }

  /** Whether workers that a reload has replaced are there still; notes what they have in their hands. */
  async #askElders(): Promise<boolean> {
    if (!this.#servers) return false
    const elders = eldersIn(await this.#runtime.master('show proc'))
    const busy = new Set<string>()
    for (const pid of elders)
      for (const id of busyIn(await this.#runtime.master(`@!${pid} show stat -1 4 -1`))) busy.add(id)
    const ended = [...this.#elder].filter((id) => !busy.has(id))
    this.#elder = busy
    for (const id of ended) this.#ended(id)
    return elders.length > 0
  }

  /** More backends: the worker of now goes on with what it has, and a new one takes over its sockets. */
  async #grow(): Promise<void> {
    this.#slots = new Slots(slotsFor(this.#wanted.targets.size), this.#slots.entries())
    await this.#save()
    await this.#reload()
  }

  async #reload(): Promise<void> {
    // until it has been asked, all that the worker of now has may be in use
    for (const { id } of [...(this.#servers?.values() ?? [])].flat()) this.#elder.add(id)
    await this.#runtime.master('reload')
  }
}

/** What HAProxy has when it has done all that was asked: what is wanted, and what is to end. */
function afterSync(
  before: ReadonlyMap<number, readonly KnownServer[]>,
  { servers }: HaproxyState,
): Map<number, KnownServer[]> {
  const after = new Map<number, KnownServer[]>()
  for (const slot of new Set([...before.keys(), ...servers.keys()])) {
    const wanted = (servers.get(slot) ?? []).map((target) => ({ ...target, retired: false }))
    const ids = new Set(wanted.map(({ id }) => id))
    const ending = (before.get(slot) ?? []).filter(({ id }) => !ids.has(id))
    after.set(slot, [...wanted, ...ending.map((server) => ({ ...server, retired: true }))])
  }
  return after
}

function parseSlots(text: string): [string, number][] {
  try {
    const read: unknown = JSON.parse(text)
    return Object.entries(read as Record<string, number>).filter(([, slot]) => Number.isSafeInteger(slot) && slot >= 0)
  } catch {
    return [] // each app gets another
  }
}
