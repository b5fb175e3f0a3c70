import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import { endProcess, identify } from './pids.js'

const graceMs = 2_000

/**
 * Ends what git still runs for pushes whose operation is not over: it outlives the API on purpose, so that a push keeps its
 * outcome. Such a process names the instance's repositories on its command line.
 */
export async function endPushes(config: Config): Promise<void> {
  const repositories = join(config.root, 'git/')
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
  const ours = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(orMissing(''))
      return command.includes(repositories) && /git|hooks\//.test(command) ? [identify(pid)] : []
    }),
  )
  await Promise.all(ours.flat().map((process) => endProcess(process, graceMs)))
}
