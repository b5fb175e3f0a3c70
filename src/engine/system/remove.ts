import { constants } from 'node:fs'
import { open, readFile, rmdir, unlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, messageOf } from '../errors.js'
import { makeMutable, unmount } from '../kernel/libc.js'
import { descend } from './descent.js'

/** How often a directory that does not become empty is emptied again: somebody writes there, or reading passed some over. */
const mostTries = 100

/**
 * Removes a directory and all below it, however deep; nothing when it is not there. Links are removed, not followed; what
 * is mounted below is unmounted, and flags that keep a file from being removed, chattr(1), are taken off. What cannot be
 * removed does not keep the rest. @throws the first failure, the rest being gone
 */
export async function removeTree(path: string): Promise<void> {
  await unmountBelow(path)
  const failures: unknown[] = []
  const failed = (error: unknown): void => {
    if (failures.length < mostTries) failures.push(error)
  }
  const empty = (): Promise<void> =>
    descend(path, {
      other: (found) => removing(found, unlink),
      left: (directory, times) =>
        removing(directory, rmdir).then(
          () => false,
          (error: unknown) => {
            if (codeOf(error) === 'ENOTEMPTY' && failures.length === 0 && times < mostTries) return true
            throw error
          },
        ),
      failed,
    })
  for (let tries = 0; ; tries++) {
    try {
      await empty()
      await removing(Buffer.from(path), rmdir)
      return
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP') return removing(Buffer.from(path), unlink)
      if (codeOf(error) === 'ENOENT') return
      if (failures.length > 0) throw failures[0]
      if (codeOf(error) !== 'ENOTEMPTY' || tries >= mostTries) throw error
    }
  }
}

/** Milliseconds. */
const patienceMs = 2_000

/**
 * Removes what an earlier process left, if it can be removed: nobody needs it any more, and so it keeps nobody from
 * starting. What fails is told and tried again at the next start.
 * @param what it is, in the plural: "layers that were never finished"
 */
export async function sweepTrees(what: string, paths: readonly string[]): Promise<void> {
  const sweep = async (): Promise<void> => {
    for (const path of paths) await removeIfPossible(path, what)
  }
  if (paths.length > 0) await patiently(sweep())
}

/** Waits for a clean-up at the start for a while: it may have millions of files to remove, and goes on meanwhile. */
export async function patiently(cleanUp: Promise<unknown>): Promise<void> {
  const enough = new AbortController()
  // what ended in time ends the wait
  const waited = sleep(patienceMs, undefined, { signal: enough.signal }).catch(() => undefined)
  await Promise.race([cleanUp, waited]).finally(() => enough.abort())
}

/** The same of one tree that is rubbish from now on. */
export async function removeIfPossible(path: string, what: string): Promise<void> {
  try {
    await removeTree(path)
  } catch (error) {
    console.error(`${what}: "${path}" cannot be removed and stays until the next start: ${messageOf(error)}`)
  }
}

type Remove = (path: Buffer) => Promise<void>

async function removing(path: Buffer, remove: Remove): Promise<void> {
  try {
    await remove(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    // a directory that another thing took the place of, or the other way round
    if (codeOf(error) === 'ENOTDIR' && remove === rmdir) return removing(path, unlink)
    if (codeOf(error) !== 'EPERM' || !(await mayChange(path))) throw error
    await remove(path).catch((again: unknown) => {
      if (codeOf(again) !== 'ENOENT') throw again
    })
  }
}

/** Takes the flags off a file and its directory that forbid its removal; false when there are none. */
async function mayChange(path: Buffer): Promise<boolean> {
  let changed = false
  for (const one of [path.subarray(0, path.lastIndexOf('/') + 1), path]) {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    // a link, or what is gone, has no flags to take off
    const handle = await open(one, one === path ? flags : constants.O_RDONLY).catch(() => undefined)
    if (!handle) continue
    try {
      changed = makeMutable(handle.fd) || changed
    } finally {
      await handle.close()
    }
  }
  return changed
}

/** In the engine's own mount namespace. What is mounted is never the tree's own: a descent would not enter it. */
async function unmountBelow(path: string): Promise<void> {
  const prefix = `${path.replace(/\/+$/, '')}/`
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  const places = lines.flatMap((line) => line.split(' ')[4]?.replace(/\\([0-7]{3})/g, octal) ?? [])
  for (const place of places.filter((one) => one.startsWith(prefix)).reverse()) unmount(place)
}

const octal = (_: string, digits: string): string => String.fromCharCode(parseInt(digits, 8))
