import { readdirSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineConfig } from '../config.js'
import { messageOf } from '../errors.js'
import { Cgroup } from '../runtime/cgroup.js'
import { sweepTrees } from '../system/remove.js'
import { cgroupPathOf, type ContainerDeps } from './container.js'
import type { ContainerRecord } from './record.js'
import { orMissing } from '../system/missing.js'

/** As long as a process may take to end that has been killed. */
const patienceMs = 5_000

/**
 * Removes what a daemon before this one left of containers and build steps that do not live: processes, groups, files.
 * @param stopped records of containers that do not live
 */
export async function sweep(
  deps: ContainerDeps,
  living: ReadonlySet<string>,
  stopped: readonly ContainerRecord[],
): Promise<void> {
  const { config, hierarchies, exits, driver } = deps
  await endStrays(config, living)
  const parent = new Cgroup(hierarchies, `/berth-${config.name}`)
  for (const name of parent.children())
    if (!living.has(name)) {
      await orTell(new Cgroup(hierarchies, `${parent.path}/${name}`).destroy(), `group ${name}`)
      driver.forget(name.replace(/^build-/, ''))
    }
  // below a group that its creator chose
  for (const record of stopped)
    if (record.hostConfig.CgroupParent)
      await orTell(new Cgroup(hierarchies, cgroupPathOf(config, record)).destroy(), `group of ${record.id}`)
  for (const id of await readdir(join(config.run, 'runtime')).catch(orMissing([] as string[])))
    if (!living.has(id)) driver.forget(id)
  for (const id of await exits.list()) if (!living.has(id)) await exits.take(id)
  const containers = await readdir(join(config.run, 'c')).catch(orMissing([] as string[]))
  await sweepTrees('what containers and steps that are over had', [
    join(config.run, 'b'),
    ...containers.filter((id) => !living.has(id)).map((id) => join(config.run, 'c', id)),
  ])
}

/** What an earlier daemon left is no reason for this one not to start. */
const orTell = (cleanUp: Promise<unknown>, what: string): Promise<unknown> =>
  cleanUp.catch((error: unknown) => {
    console.error(`${what}, which is left over, cannot be removed: ${messageOf(error)}`)
  })

/**
 * Ends the monitors and runtimes of containers that do not live. A runtime that the last daemon had just begun may be
 * making a group yet: it must be gone before groups are looked for.
 */
async function endStrays({ run }: EngineConfig, living: ReadonlySet<string>): Promise<void> {
  const places = [`${run}/c/`, `${run}/b/`, `${run}/runtime`]
  const strays = (): number[] =>
    processes().flatMap(([pid, args]) => {
      const ours = args.some((arg) => places.some((place) => arg.startsWith(place)))
      return ours && !args.some((arg) => living.has(arg)) ? [pid] : []
    })
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
    const found = strays()
    if (found.length === 0) return
    for (const pid of found)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // it has just ended
      }
    await sleep(10)
  }
}

/** Command lines of all processes but this one. */
function processes(): [pid: number, args: readonly string[]][] {
  return readdirSync('/proc').flatMap((entry): [number, string[]][] => {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    try {
      return [[pid, readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')]]
    } catch {
      return [] // it has just ended
    }
  })
}
