import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes of the files in a directory, its whole depth; links count nothing. */
export async function directorySize(directory: string): Promise<number> {
  let size = 0
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) size += await directorySize(path)
    else if (entry.isFile()) size += (await lstat(path)).size
  }
  return size
}
