import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { orMissing } from '../../lib/missing.js'
import { submodulesOf } from '../../builds/submodules.js'
import { git, must } from '../git.js'
import { linkTree } from '../pushes.js'

/** A directory that no fetch has needed for so long is of a process that was killed. Milliseconds. */
const staleMs = 3_600_000

/** Where git and its limits are found from a repository that is not where the apps' are: see limits.ts. */
export const programsFor = (repository: string): Record<string, string> => ({
  PATH: `${join(repository, '..', 'bin')}:${process.env.PATH ?? ''}`,
})

/**
 * The commits of other repositories that an app has pinned: a bare repository within the app's own. Every commit in it has its
 * whole tree, and no history. What came from where is not kept, for a commit is the same from everywhere.
 */
export class SubmoduleCache {
  /** The app's repository. */
  readonly repository: string
  readonly path: string
  readonly env: Readonly<Record<string, string>>

  constructor(repository: string) {
    this.repository = repository
    this.path = submodulesOf(repository)
    this.env = programsFor(repository)
  }

  get objects(): string {
    return join(this.path, 'objects')
  }

  /** Makes it, unless it is there; one that takes more than so many bytes is begun anew. */
  async ensure(most: number): Promise<void> {
    if ((await this.bytes()) > most) await rm(this.path, { recursive: true, force: true })
    if (await stat(join(this.path, 'config')).catch(orMissing(null))) return
    await this.inTemporary(async (directory) => {
      const fresh = join(directory, 'repository')
      await this.init(fresh)
      // two may make it at once; the first wins
      await rename(fresh, this.path).catch((error: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      })
    })
  }

  /** Makes an empty bare repository. */
  async init(path: string): Promise<void> {
    await must(this.repository, ['init', '--quiet', '--bare', '--template=', path], { ...this.env, GIT_DIR: path })
  }

  /** Which of these commits it does not have. */
  async missing(commits: readonly string[]): Promise<Set<string>> {
    if (commits.length === 0 || !(await stat(this.objects).catch(orMissing(null)))) return new Set(commits)
    const asked = commits.map((commit) => `${commit}^{commit}\n`).join('')
    const { stdout } = await git(this.path, ['cat-file', '--batch-check'], this.env, asked)
    const lines = stdout.split('\n')
    return new Set(commits.filter((_, at) => !/^[0-9a-f]{40,} commit /.test(lines[at] ?? '')))
  }

  /** Takes in what another repository has fetched, packs before their indexes: from then on the commit is there. */
  adopt(repository: string): Promise<void> {
    return linkTree(join(repository, 'objects'), this.objects)
  }

  /** A directory of its own for as long as a task runs. */
  async inTemporary<T>(task: (directory: string) => Promise<T>): Promise<T> {
    const parent = join(this.repository, 'berth')
    await mkdir(parent, { recursive: true })
    await removeStale(parent)
    const directory = await mkdtemp(join(parent, 'fetch-'))
    try {
      return await task(directory)
    } finally {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  /** What it takes of the disk, but for what is small. */
  async bytes(): Promise<number> {
    const names = await readdir(join(this.objects, 'pack')).catch(orMissing([]))
    const sizes = await Promise.all(
      names.map((name) => stat(join(this.objects, 'pack', name)).then(({ size }) => size, orMissing(0))),
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  }
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith('fetch-')) continue
    const made = await stat(join(parent, name)).catch(orMissing(null))
    if (made && Date.now() - made.mtimeMs > staleMs) await rm(join(parent, name), { recursive: true, force: true })
  }
}
