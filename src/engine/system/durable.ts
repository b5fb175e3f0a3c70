import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../errors.js'
import { syncfs } from '../kernel/file-calls.js'

/**
 * Writes a file so that after a crash it is the old one or the new one, whole: write, fsync, rename, fsync of the
 * directory. When this resolves the file is on disk.
 */
export async function writeDurably(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(draft, 'wx', mode)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined) // one that stays is swept at the next start
    throw error
  }
  await syncDirectory(dirname(path))
}

/** The text of a file, or `none` when there is no such file. A disk that fails is not taken for an empty one. */
export async function readOr(path: string, none: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return none
    throw error
  }
}

/** Removes the drafts that a process which was killed has left of files in a directory. */
export async function sweepDrafts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.endsWith('.tmp')) await unlink(join(directory, name))
}

/** Makes all that was written to the file system of a directory durable: cheaper than a sync of each file when they are many. */
export async function syncAll(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await syncfs(directory.fd)
  } finally {
    await directory.close()
  }
}

/** Makes the names in a directory durable: what was renamed or unlinked there stays so. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
