import type { Dirent } from 'node:fs'
import { opendir, rmdir, unlink } from 'node:fs/promises'
import { codeOf } from '../errors.js'

/** Removals under way at once. */
const atOnce = 16

/**
 * Removes a directory and all below it; nothing when it is not there. A few at a time: rm of node:fs begins with all of
 * them, and 100,000 files that answer at once keep the loop for a second. Links are removed, not followed.
 */
export async function removeTree(path: string): Promise<void> {
  await remove(Buffer.from(path))
}

async function remove(path: Buffer): Promise<void> {
  for (let tries = 0; ; tries++) {
    await empty(path)
    try {
      await rmdir(path)
      return
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      // somebody still writes there, or readdir passed some over
      if (codeOf(error) !== 'ENOTEMPTY' || tries > 100) throw error
    }
  }
}

async function empty(directory: Buffer): Promise<void> {
  const batch: Promise<void>[] = []
  try {
    // names need not be UTF-8, which the types do not know
    const entries = (await opendir(directory, {
      encoding: 'buffer' as BufferEncoding,
    })) as unknown as AsyncIterable<Dirent<Buffer>>
    for await (const entry of entries) {
      const child = Buffer.concat([directory, Buffer.from('/'), entry.name])
      if (entry.isDirectory()) await remove(child)
      else batch.push(unlink(child).catch(unlessGone))
      if (batch.length >= atOnce) await Promise.all(batch.splice(0))
    }
    await Promise.all(batch)
  } catch (error) {
    await Promise.allSettled(batch)
    unlessGone(error)
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}
