import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import type { App } from '../store/apps.js'
import { must } from './git.js'
import { hooksDirectory } from './hooks.js'

export const repositoryOf = (config: Config, app: string): string => join(config.root, 'git', `${app}.git`)

/** Bytes a push may hold, unless told otherwise. */
export const defaultMaxPack = 1024 ** 3

/**
 * git-config(1). Unreachable objects of rejected pushes never come in (quarantine), so gc is of little use and, being in
 * the pusher's way, off. Time matters more than disk: objects are not squeezed, large ones not held in memory.
 * `receive.procReceiveRefs` gives every ref to our hook.
 */
const configuration = (config: Config, maxPack: number): string => `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = ${JSON.stringify(hooksDirectory(config))}
\tlogAllRefUpdates = false
\tlooseCompression = 0
\tbigFileThreshold = 16m
[receive]
\tfsckObjects = true
\tmaxInputSize = ${String(maxPack)}
\tprocReceiveRefs = refs
\tadvertiseAtomic = false
\tadvertisePushOptions = false
\tautogc = false
\tdenyDeleteCurrent = ignore
[transfer]
\thideRefs = refs/internal
[uploadpack]
\tallowFilter = false
`

/** The app's bare repository, made when it is first needed; its settings are brought up to date. */
export async function ensureRepository(config: Config, app: App, maxPack = defaultMaxPack): Promise<string> {
  const repository = repositoryOf(config, app.id)
  const settings = configuration(config, maxPack)
  const known = await readFile(join(repository, 'config'), 'utf8').catch(() => null)
  if (known === settings) return repository
  if (known === null) {
    const parent = join(config.root, 'git')
    await mkdir(parent, { recursive: true, mode: 0o750 })
    const fresh = await mkdtemp(join(parent, 'new-'))
    try {
      const made = join(fresh, 'repository')
      await must(
        fresh,
        ['init', '--quiet', '--bare', '--template=', '--initial-branch', app.deployBranch ?? 'main', made],
        { GIT_DIR: made },
      )
      await mkdir(join(made, 'berth'))
      // two requests may make it at once; the first rename wins
      await rename(made, repository).catch((error: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      })
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
  }
  await writeFile(join(repository, 'config.new'), settings)
  await rename(join(repository, 'config.new'), join(repository, 'config'))
  return repository
}

/** The commit a ref is at; null when there is none. */
export async function readRef(repository: string, ref: string): Promise<string | null> {
  const loose = await readFile(join(repository, ref), 'utf8').catch(() => null)
  if (loose !== null) return loose.trim()
  const packed = await readFile(join(repository, 'packed-refs'), 'utf8').catch(() => '')
  return (
    packed
      .split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ', 1)[0] ?? null
  )
}
