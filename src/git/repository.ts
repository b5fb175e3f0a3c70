import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import type { App } from '../store/apps.js'
import { must } from './git.js'
import { hooksDirectory } from './hooks.js'
import { readIfThere } from '../lib/missing.js'

export const repositoryOf = (config: Config, app: string): string => join(config.root, 'git', `${app}.git`)

/**
 * git-config(1). Unreachable objects of rejected pushes never come in (quarantine), so gc is of little use and, being in
 * the pusher's way, off. Every pack is kept as it came: unpacked, seven megabytes may be gigabytes. Large objects are not held
 * in memory, nor is more of a pack than need be. Nor does git wait for the disk to have a pack: `syncObjects` does, beside other
 * work. `receive.procReceiveRefs` gives every ref to our hook.
 */
const configuration = (config: Config): string => `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = ${JSON.stringify(hooksDirectory(config))}
\tlogAllRefUpdates = false
\tfsync = reference,none
\tlooseCompression = 0
\tbigFileThreshold = 16m
\tpackedGitWindowSize = 16m
\tpackedGitLimit = 128m
\tdeltaBaseCacheLimit = 32m
\tfilesRefLockTimeout = 1000
[pack]
\tthreads = 1
\twindowMemory = 64m
\tdeltaCacheSize = 64m
[receive]
\tfsckObjects = true
\tmaxInputSize = ${String(config.push.size)}
\tprocReceiveRefs = refs
\tadvertiseAtomic = false
\tadvertisePushOptions = true
\tautogc = false
\tdenyDeleteCurrent = ignore
[transfer]
\thideRefs = refs/internal
\tunpackLimit = 1
[uploadpack]
\tallowFilter = false
`

/**
 * gitattributes(5): `info/attributes` wins over what was pushed. A checkout writes what was committed: no line ends of another
 * system, no `$Id$`, no encoding of four times the size.
 */
const attributes = '* -text !eol -ident !working-tree-encoding\n'

/** The app's bare repository, made when it is first needed; its settings are brought up to date. */
export async function ensureRepository(config: Config, app: App): Promise<string> {
  const repository = repositoryOf(config, app.id)
  const settings = configuration(config)
  const known = await readIfThere(join(repository, 'config'))
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
  await mkdir(join(repository, 'info'), { recursive: true })
  for (const [name, text] of [
    ['info/attributes', attributes],
    ['config', settings], // last: it says that all is up to date
  ] as const) {
    const fresh = join(repository, `${name}.${randomUUID()}`)
    await writeFile(fresh, text)
    await rename(fresh, join(repository, name))
  }
  return repository
}
