import type { PlaneCertificate, PlaneState, PlaneTarget } from 'berth/plugin'
import { routersOwn, slotName } from './configuration.js'

/** What HAProxy has, or is to have: all that changes with apps. */
export interface HaproxyState {
  /** Backends declared. */
  readonly slots: number
  /** Of each slot that is taken: its servers. */
  readonly servers: ReadonlyMap<number, readonly PlaneTarget[]>
  /** Hostname -> backend. */
  readonly plain: ReadonlyMap<string, string>
  readonly secure: ReadonlyMap<string, string>
  readonly certificates: readonly PlaneCertificate[]
}

/** A text that may be a server's name, an address, a hostname, in a line of HAProxy's. */
export const isFit = (text: string): boolean => /^[\w.:*[\]-]{1,255}$/.test(text)

/** Backends that are declared for so many apps: half are to be free, as one that is gone may hold its own for long. */
export const slotsFor = (apps: number): number => Math.max(64, 2 ** Math.ceil(Math.log2(2 * apps + 1)))

/** Which app has which slot: one that has one keeps it. */
export class Slots {
  readonly #of = new Map<string, number>()
  readonly count: number

  /** @param known of an earlier time */
  constructor(count: number, known: Iterable<readonly [app: string, slot: number]> = []) {
    this.count = count
    for (const [app, slot] of known) if (slot < count) this.#of.set(app, slot)
  }

  entries(): [string, number][] {
    return [...this.#of]
  }

  of(app: string): number | undefined {
    return this.#of.get(app)
  }

  /**
   * Gives these apps a slot each, as far as there are some, and takes those of others.
   * @param isBusy whether a slot that nobody has still has servers
   */
  assign(apps: Iterable<string>, isBusy: (slot: number) => boolean): void {
    const wanted = new Set(apps)
    for (const app of this.#of.keys()) if (!wanted.has(app)) this.#of.delete(app)
    const taken = new Set(this.#of.values())
    let next = 0
    for (const app of wanted) {
      if (this.#of.has(app)) continue
      while (next < this.count && (taken.has(next) || isBusy(next))) next++
      if (next >= this.count) return // the router serves them
      this.#of.set(app, next)
      taken.add(next)
    }
  }
}

/** What HAProxy is to have. */
export function wantedState(state: PlaneState, slots: Slots): HaproxyState {
  const backend = (app: string | null): string => {
    const slot = app === null ? undefined : slots.of(app)
    return slot === undefined ? routersOwn : slotName(slot)
  }
  const mapped = (hosts: PlaneState['plain']) =>
    new Map([...hosts].filter(([host]) => isFit(host)).map(([host, app]) => [host, backend(app)]))
  const servers = new Map<number, readonly PlaneTarget[]>()
  for (const [app, targets] of state.targets) {
    const slot = slots.of(app)
    if (slot !== undefined)
      servers.set(
        slot,
        targets.filter(({ id, host }) => isFit(id) && isFit(host)),
      )
  }
  const { certificates } = state
  return { slots: slots.count, servers, plain: mapped(state.plain), secure: mapped(state.secure), certificates }
}

const address = ({ host, port }: PlaneTarget): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

/** The line of a server in a backend, or of `add server`. */
export const serverLine = (target: PlaneTarget): string => `${target.id} ${address(target)}`

/** Backends, with the servers that they have now. */
export function backendsText({ slots, servers }: HaproxyState): string {
  const backend = (_: unknown, slot: number): string => {
    const lines = (servers.get(slot) ?? []).map((target) => `\n  server ${serverLine(target)}`)
    return `backend ${slotName(slot)} from slots${lines.join('')}\n`
  }
  return Array.from({ length: slots }, backend).join('')
}

/** Lines of a map. */
export const mapText = (map: ReadonlyMap<string, string>): string =>
  [...map].map(([host, backend]) => `${host} ${backend}\n`).join('')
