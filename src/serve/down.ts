import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { label, type Config } from '../config.js'
import { connectEngine } from '../engine-client/client.js'
import { removeGitGroup } from './git-group.js'
import { forgetRunning, lockFile, pidsFile, supervisorName } from './instance.js'
import { endPushes } from './leftovers.js'
import { tryLock } from './lock.js'
import { home } from './paths.js'
import { endProcess, Pids } from './pids.js'
import { findStrays } from './strays.js'
import { stopUnit } from './unit.js'

/** One that starts is recorded after this long at most. Milliseconds. */
const startingMs = 10_000
/** The supervisor gives its processes 35 s to end; it may take that long, and then some. */
const graceMs = 45_000

/**
 * Stops the platform: every process of it and its Redis. Apps go on running but are not served.
 * @returns how many processes were running
 * @throws BerthError `denied` when they are root's and we are not, `broken` when one does not end
 */
export async function down(config: Config): Promise<number> {
  await supervisorRecorded(config)
  const running = Object.entries(new Pids(pidsFile(config)).alive())
  await stopUnit(config)
  // the supervisor ends the others; those are ended here only if it was killed before
  const supervisor = running.find(([name]) => name === supervisorName)
  if (supervisor) await endProcess(supervisor[1], graceMs)
  const recorded = new Pids(pidsFile(config)).alive()
  const strays = Object.values(findStrays(config, recorded))
  await Promise.all([...Object.values(recorded), ...strays].map((pid) => endProcess(pid, graceMs, 'SIGINT')))
  return running.length + strays.length
}

/** A supervisor that has just begun holds the lock before the record names it: what it starts a moment later would go on. */
async function supervisorRecorded(config: Config): Promise<void> {
  const deadline = Date.now() + startingMs
  while (existsSync(lockFile(config)) && Date.now() < deadline) {
    if (supervisorName in new Pids(pidsFile(config)).alive()) return
    const lock = tryLock(lockFile(config))
    lock?.[Symbol.dispose]()
    if (lock) return // nobody has it
    await sleep(50) // the file that it writes tells nobody
  }
}

/**
 * Stops the platform and every app, and takes away all that the instance has in the kernel: mounts, namespaces,
 * bridges, nft table, cgroups. What is on disk stays: the next start brings every app back.
 */
export async function downAll(config: Config): Promise<number> {
  const stopped = await down(config)
  await endPushes(config)
  await removeGitGroup(config)
  if (config.ownEngine)
    await promisify(execFile)(process.execPath, [join(home, 'dist/engine/main.js'), '--destroy'], {
      env: { ...process.env, ...config.env },
    })
  else await removeContainers(config)
  forgetRunning(config)
  return stopped
}

async function removeContainers(config: Config): Promise<void> {
  const engine = connectEngine(config)
  const mine = [`${label.instance}=${config.name}`]
  const containers = await engine.containers.list(mine)
  await Promise.all(containers.map(({ Id }) => engine.containers.remove(Id)))
  const networks = await engine.networks.list(mine)
  await Promise.all(networks.map(({ Id }) => engine.networks.remove(Id)))
}
