import { open, rename, rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { git, GitFailed, must } from './git.js'
import { readIfThere } from '../lib/missing.js'

/** The commit a ref is at; null when there is none. */
export async function readRef(repository: string, ref: string): Promise<string | null> {
  const loose = await readLoose(join(repository, ref))
  if (loose !== null) return loose.trim()
  const packed = (await readIfThere(join(repository, 'packed-refs'))) ?? ''
  return (
    packed
      .split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ', 1)[0] ?? null
  )
}

/** A directory has the name of a ref while there are refs below it (`a` and `a/b`), or were. */
const readLoose = (path: string): Promise<string | null> =>
  readIfThere(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') return null
    throw error
  })

/**
 * Moves a ref. Branches that were deployed before the app's deploy branch was renamed, and that the new one cannot stand
 * beside (`a` and `a/b`), go. The caller serialises an app's, and has tried it.
 * @throws GitFailed
 */
export async function moveRef(repository: string, ref: string, commit: string): Promise<void> {
  if (await moveLoose(repository, ref, commit)) return
  const move = () => transact(repository, `update ${ref} ${commit}\n`)
  try {
    await move()
  } catch (error) {
    const others = await inTheWay(repository, ref)
    if (others.length === 0) throw error
    for (const other of others) await transact(repository, `delete ${other}\n`)
    await move()
  }
}

/**
 * Moves a ref that has a file of its own, as git does it: nothing can stand in its way but a lock. A git would take longer to
 * start than all of this takes. @returns false for any other, and for one that is locked
 */
async function moveLoose(repository: string, ref: string, commit: string): Promise<boolean> {
  const file = join(repository, ref)
  if (!/^[0-9a-f]{40}\n$/.test((await readLoose(file)) ?? '')) return false
  const lock = `${file}.lock`
  const handle = await open(lock, 'wx').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
    throw error
  })
  if (handle === null) return false
  try {
    await handle.writeFile(`${commit}\n`)
    await handle.sync()
    await rename(lock, file)
  } catch (error) {
    await rm(lock, { force: true })
    throw error
  } finally {
    await handle.close()
  }
  return true
}

/**
 * Finds out whether `moveRef` would, without doing it: the name is checked, the lock taken and written, and let go.
 * @param env where git finds the commit
 * @returns whether branches are in the way: git has then not looked at what kind of object it is
 * @throws GitFailed
 */
export async function tryRef(
  repository: string,
  ref: string,
  commit: string,
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  const attempt = (end: string) => transact(repository, `start\nupdate ${ref} ${commit}\n${end}\n`, env)
  try {
    await attempt('prepare\nabort')
    return false
  } catch (error) {
    if ((await inTheWay(repository, ref)).length === 0) throw error
    await attempt('abort')
    return true
  }
}

async function inTheWay(repository: string, ref: string): Promise<string[]> {
  const parents = ref.split('/').slice(2, -1)
  const above = parents.map((_, at) => `refs/heads/${parents.slice(0, at + 1).join('/')}`)
  const out = await must(repository, ['for-each-ref', '--format=%(refname)', ...above, `${ref}/`])
  return out.split('\n').filter((other) => above.includes(other) || other.startsWith(`${ref}/`))
}

/**
 * git-update-ref(1), --stdin. Only the api process changes refs, one at a time of an app: a lock that has been there for as long as
 * git waits (core.filesRefLockTimeout) is of a git that was killed.
 */
async function transact(repository: string, lines: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const args = ['update-ref', '--stdin']
  const first = await git(repository, args, env, lines)
  if (first.code === 0) return
  const [, lock] = /Unable to create '(.+\.lock)': File exists/.exec(first.stderr) ?? []
  if (lock?.startsWith(repository + sep) !== true) throw new GitFailed(args, first.code, first.stderr)
  await rm(lock, { force: true })
  await must(repository, args, env, lines)
}
