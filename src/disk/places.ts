import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { indexOf, lastTree, operationFiles } from '../builds/files.js'
import type { Config } from '../config.js'
import { outputDirectory } from '../cron/output.js'
import { BerthError } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'

/** Trees of 10^6 files take a minute when nothing of them is in memory. */
const patience = 10 * 60_000

/** What an app has outside the engine, by path. */
export interface AppPlaces {
  readonly git: readonly string[]
  readonly logs: readonly string[]
}

/** Where that is. */
export async function placesOf({ config, store }: DiskDeps, app: App): Promise<AppPlaces> {
  const tree = lastTree(config, app.id)
  const operations = await store.operations.list(app.id)
  return {
    git: [join(config.root, 'git', `${app.id}.git`), tree, indexOf(tree)],
    logs: [outputDirectory(config, app.id), ...operations.map(({ id }) => operationFiles(config, id).log)],
  }
}

interface DiskDeps {
  readonly config: Config
  readonly store: Pick<Store, 'operations'>
}

/** All that Berth keeps outside the engine, apps' among it. */
export async function allPlaces({ root, cache }: Config): Promise<readonly string[]> {
  const own = (await readdir(root)).filter((name) => name !== 'engine').map((name) => join(root, name))
  return own.some((path) => cache === path || cache.startsWith(`${path}/`)) ? own : [...own, cache]
}

/**
 * Bytes on the disk below each of these paths, as du(1) counts: a file with several names once in all. What is not there has none.
 * du walks by descriptor, so that no tree is too deep for it.
 */
export async function bytesOf(paths: readonly string[]): Promise<Map<string, number>> {
  using late = deadline(patience)
  const options = ['--summarize', '--block-size=1', '--null', '--files0-from=-']
  const du = spawn('du', options, { stdio: ['pipe', 'pipe', 'ignore'], signal: late.signal })
  const failed = new Promise<never>((_, reject) => du.once('error', reject))
  du.stdin.on('error', () => undefined) // its end is told by its output
  du.stdin.end(paths.map((path) => `${path}\0`).join(''))
  const output = await Promise.race([text(du.stdout), failed]).catch((error: unknown) => {
    throw new BerthError('broken', 'what is on the disk cannot be measured', 'see that du of coreutils is there', error)
  })
  return new Map(
    output
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => {
        const [, bytes = '0', path = ''] = /^(\d+)\t(.*)$/s.exec(line) ?? []
        return [path, Number(bytes)]
      }),
  )
}
