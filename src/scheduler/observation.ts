import { messageOf } from '../errors.js'
import { oneOffType } from './desired.js'
import type { SchedulerDeps } from './fleet.js'
import type { ObservedContainer } from './plan.js'
import type { ProcessRecord } from './records.js'

/** The containers of an app as they are now, and the records of them, which agree. */
export interface Observation {
  readonly all: readonly ObservedContainer[]
  /** By container id. */
  readonly known: ReadonlyMap<string, ProcessRecord>
}

/**
 * Looks at an app's containers and writes down what has become of them since the last look: anybody with the engine's
 * client may have restarted, paused or unplugged one, or nobody was there to see it. One that is paused goes on, and one
 * off its network is put back.
 */
export async function observe(deps: SchedulerDeps, app: string): Promise<Observation> {
  const { engine, records } = deps
  const listed = ((await engine.list(app)).get(app) ?? []).filter((one) => !one.removing)
  const all = await Promise.all(listed.map((one) => mend(deps, app, one)))
  const known = new Map((await records.list(app)).map((record) => [record.container, record]))
  const there = new Set(all.map((one) => one.id))
  const gone = [...known.keys()].filter((container) => !there.has(container))
  await records.remove(app, gone)
  for (const container of gone) known.delete(container)
  for (const one of all) {
    if (!one.running || one.type === oneOffType) continue
    const startedAt = await engine.startedAt(one.id)
    if (startedAt !== null) known.set(one.id, await records.see(app, one, `${startedAt} ${one.address}`))
  }
  return { all, known }
}

async function mend(deps: SchedulerDeps, app: string, found: ObservedContainer): Promise<ObservedContainer> {
  if (found.type === oneOffType) return found
  const { engine, log, tell } = deps
  let one = found
  try {
    if (one.paused) {
      await engine.unpause(one.id)
      one = { ...one, paused: false }
      log.warn({ app, process: one.process }, `${one.process} was paused by somebody: it goes on`)
      tell(app, one.process, 'was paused by somebody: it goes on')
    }
    if (one.running && one.address === '') {
      // the list of an engine may be older than the start
      const address = (await engine.addressOf(one.id)) || (await reconnect(deps, app, one))
      one = { ...one, address }
    }
    return one
  } catch (error) {
    log.warn({ app, process: one.process }, `cannot mend ${one.process}: ${messageOf(error)}`)
    // one that cannot be made to go on serves nobody
    return one.paused ? { ...one, running: false } : one
  }
}

async function reconnect({ engine, log, tell }: SchedulerDeps, app: string, one: ObservedContainer): Promise<string> {
  if (!(await engine.isDisconnected(one.id))) return ''
  await engine.ensureNetworks(app)
  await engine.reconnect(one.id)
  log.warn({ app, process: one.process }, `${one.process} was off its network: it is connected again`)
  tell(app, one.process, 'was off its network: it is connected again')
  return engine.addressOf(one.id)
}
