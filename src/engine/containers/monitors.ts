import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startTime } from '../system/process.js'
import type { Exits } from '../runtime/exits.js'
import type { Container } from './container.js'

/** Milliseconds between looks: a conmon that is killed tells nobody. */
const lookMs = 2_000

/**
 * Ends containers whose conmon has died: with it went their log, their streams and whoever would have written their exit
 * status, so they are killed and the status is written here.
 */
export function watchMonitors(up: () => readonly Container[], exits: Exits): void {
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    // whatever keeps it from being ended may not the next time
    for (const container of up()) await endIfLost(container, exits).catch(() => undefined)
    looking = false
  }
  setInterval(() => void look(), lookMs).unref()
}

async function endIfLost(container: Container, exits: Exits): Promise<void> {
  const { conmonPid, conmonStart, pid } = container.record.state
  if (conmonStart === '' || startTime(conmonPid) === conmonStart) return
  if (await exits.peek(container.id)) return // it has ended in the ordinary way
  if (!container.up || container.record.state.conmonPid !== conmonPid) return
  if (container.alive) process.kill(pid, 'SIGKILL')
  // conmon's own way: a reader sees the whole status or none
  const draft = join(exits.dir, `.${container.id}`)
  await writeFile(draft, '137')
  await rename(draft, join(exits.dir, container.id))
}
