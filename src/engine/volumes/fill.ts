import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { VolumeFiller } from '../records.js'
import { syncAll, syncDirectory } from '../system/durable.js'
import { removeIfPossible, removeTree } from '../system/remove.js'

const unfinished = 'a copy for a volume that was never finished'

/** Below a directory that is filled in place: a copy that is being made, and one that is whole. */
const [filling, filled] = ['.berth-filling', '.berth-filled']

/**
 * Fills an empty directory of a file system that is not the engine's. The copy is made below it and is on the disk before it is
 * moved to its place; what fails leaves the directory empty, and what a kill leaves is for `settleInPlace`.
 */
export async function fillInPlace(place: string, copy: VolumeFiller): Promise<void> {
  const draft = join(place, filling)
  try {
    if (!(await makeCopy(draft, copy))) return
    await rename(draft, join(place, filled))
    await syncDirectory(place)
  } catch (error) {
    await removeIfPossible(draft, unfinished)
    throw error
  }
  await moveOut(join(place, filled), place)
}

/** Has a copy made at `draft`, which is on the disk when this resolves; false, and none, when there is nothing to copy. */
export async function makeCopy(draft: string, copy: VolumeFiller): Promise<boolean> {
  await copy(async () => {
    await mkdir(draft, { mode: 0o755 })
    return draft
  })
  if (!existsSync(draft)) return false
  await syncAll(draft)
  return true
}

/** Ends what a kill left of filling a directory in place, whoever else has written there since: it is filled, or not at all. */
export async function settleInPlace(place: string): Promise<void> {
  if (existsSync(join(place, filling))) await removeTree(join(place, filling))
  if (existsSync(join(place, filled))) await moveOut(join(place, filled), place)
}

/** Moves what a whole copy holds to `place`, but for what is there already. */
export async function moveOut(copied: string, place: string): Promise<void> {
  const { uid, gid, mode } = await stat(copied)
  await chown(place, uid, gid)
  await chmod(place, mode)
  const taken = new Set(await readdir(place))
  for (const entry of await readdir(copied))
    if (!taken.has(entry)) await rename(join(copied, entry), join(place, entry))
  await syncDirectory(place)
  await removeIfPossible(copied, 'what was left of a copy for a volume')
}
