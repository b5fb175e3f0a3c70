import { oneOffType, type Slot } from './desired.js'

/** A container of an app, as the engine reports it. */
export interface ObservedContainer {
  readonly id: string
  readonly process: string
  readonly type: string
  readonly release: number
  readonly spec: string
  /** Or paused. */
  readonly running: boolean
  readonly paused?: boolean
  /** The engine is removing it, or failed to. */
  readonly removing?: boolean
  /** Seconds since the epoch. */
  readonly createdAt: number
  /** Of a one-off that outlives who started it: the id of the run. */
  readonly run?: string | undefined
  /** Seconds that it has to end in; the usual unless given. */
  readonly grace?: number | undefined
  /** On the app's network; '' when it does not run. */
  readonly address: string
}

/** What is to be done so that what runs becomes what should run. */
export interface ReconcilePlan {
  /** Running containers that fill a slot. */
  readonly keep: readonly ObservedContainer[]
  /** Slots that nothing fills, each with the newest container that did, if it is dead: it crashed, or the host went down. */
  readonly missing: readonly { readonly slot: Slot; readonly dead: ObservedContainer | null }[]
  /** Containers that fill no slot: of another spec, above the quantity, duplicates, the dead of long ago. */
  readonly surplus: readonly ObservedContainer[]
}

/** Prefers a process that is known to answer; of several, the newest. */
const better =
  (up: ReadonlySet<string>) =>
  (a: ObservedContainer, b: ObservedContainer): number =>
    Number(up.has(b.id)) - Number(up.has(a.id)) || b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)

/** Compares desired and actual. `up` holds the ids of processes known to answer. One-offs are nobody's surplus. */
export function planOf(
  slots: readonly Slot[],
  found: readonly ObservedContainer[],
  up: ReadonlySet<string>,
): ReconcilePlan {
  const keep: ObservedContainer[] = []
  const missing: { slot: Slot; dead: ObservedContainer | null }[] = []
  const settled = new Set<string>()
  for (const slot of slots) {
    const own = found.filter((one) => one.process === slot.process && one.spec === slot.spec).sort(better(up))
    const live = own.find((one) => one.running)
    const dead = own.find((one) => !one.running)
    if (live) keep.push(live)
    else missing.push({ slot, dead: dead ?? null })
    if (live) settled.add(live.id)
    // the last dead one stays for its log, which says why it died
    if (dead) settled.add(dead.id)
  }
  return { keep, missing, surplus: found.filter((one) => one.type !== oneOffType && !settled.has(one.id)) }
}
