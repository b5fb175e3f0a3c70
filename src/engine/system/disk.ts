import { lstat, statfs } from 'node:fs/promises'
import { descend, hasGone } from './descent.js'
import { orMissing } from './missing.js'

/**
 * Bytes on disk of everything below a directory, as du(1) counts: blocks, not lengths, and a file with several names
 * once. `what` may be files alone, directories counting nothing. What vanishes meanwhile, and what the disk cannot read,
 * counts nothing. Symbolic links are not followed.
 */
export async function bytesBelow(directory: string, what: 'all' | 'files' = 'all'): Promise<number> {
  const counted = new Set<string>()
  let bytes = 0
  const other = async (path: Buffer): Promise<void> => {
    const { blocks, nlink, dev, ino } = await lstat(path)
    if (nlink > 1) {
      const identity = `${dev}:${ino}`
      if (counted.has(identity)) return
      counted.add(identity)
    }
    bytes += blocks * 512
  }
  const found = async (path: Buffer): Promise<void> => {
    const { blocks } = await lstat(path)
    bytes += blocks * 512
  }
  try {
    await descend(directory, { other, ...(what === 'all' ? { found } : {}), failed: () => undefined })
  } catch (error) {
    if (!hasGone(error)) throw error
  }
  return bytes
}

/** Bytes on disk of some files, as du(1) counts; those that are not there count nothing. */
export async function diskUsage(...paths: readonly string[]): Promise<number> {
  const stats = await Promise.all(paths.map((path) => lstat(path).catch(orMissing(undefined))))
  return stats.reduce((sum, stat) => sum + (stat?.blocks ?? 0) * 512, 0)
}

// statfs(2), and dockerd's names for them
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'extfs',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0x794c7630: 'overlayfs',
}

/** The file system a path is on, `extfs` or `xfs`; its magic number when it has no name here. */
export async function fileSystemOf(path: string): Promise<string> {
  const { type } = await statfs(path)
  return fileSystems[type] ?? `0x${type.toString(16)}`
}
