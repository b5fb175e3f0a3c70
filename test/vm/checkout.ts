import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must } from '../run.js'
import type { Machine } from './machine.js'

const home = fileURLToPath(new URL('../..', import.meta.url))

/** Where the checkout is in a machine: not in /root, for most of Berth runs as an account of its own. */
export const place = '/opt/berth'

/**
 * Copies the checkout as it lies on disk: what git tracks or would add, changed or not. `made` takes along node_modules and
 * dist, too; without, it is what a clone has.
 */
export async function bring(machine: Machine, made: boolean): Promise<void> {
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: home })
  const names = listed.split('\0').filter((name) => name !== '')
  const packed = await copy(machine, home, [...names, ...(made ? ['node_modules', 'dist'] : [])], place)
  if (packed !== 0) throw new Error(`${home} could not be copied`)
  // the directories are new there: bin/install would take them for changed, and build again
  if (made) await machine.must(`touch ${place}/dist/.built`)
}

/** What tests keep in their cache, taken along so that it need not be made again, slowly. */
export const lent = '/var/cache/berth'

/** Copies what tests have made of a cache here: the base image, and packages. */
export async function lend(machine: Machine): Promise<void> {
  const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')
  const packed = await copy(machine, cache, ['debian-bookworm-slim.tar', 'npm'], lent)
  if (packed > changed) throw new Error(`${cache} could not be copied`)
}

/** What tar(1) ends with when a file changed while it was read: other tests may use the cache. */
const changed = 1

/** Copies those of the names that are there. @returns what tar ended with here */
async function copy(machine: Machine, from: string, names: readonly string[], to: string): Promise<number> {
  const tar = spawn('tar', ['-C', from, '-c', '--null', '--files-from=-'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(tar, 'close') as Promise<[number | null]>
  tar.stdin.end(names.filter((name) => existsSync(join(from, name))).join('\0'))
  const code = await machine.run(`mkdir -p ${to} && tar -xC ${to} --no-same-owner`, tar.stdout)
  const [packed] = await ended
  if (code !== 0) throw new Error(`${from} could not be copied: tar ended with ${code} there`)
  return packed ?? 255
}
