import { walk } from '../system/walk.js'

/** What a layer takes on disk, in bytes. Layers may have files in common: names of one inode. */
export interface DiskUsage {
  /** Its part: a file that has n names counts by an nth for each of them here, so that all layers together are what they take. */
  readonly share: number
  /** What is set free when it goes: no file that has a name elsewhere. */
  readonly own: number
  /** Other layers have files of it. */
  readonly common: boolean
}

/** Weighs a layer's directory: blocks, not lengths. Synchronous: for a worker thread. */
export function diskUsageOf(directory: string): DiskUsage {
  const several = new Map<number, { blocks: number; names: number; here: number }>()
  let share = 0
  let own = 0
  for (const { kind, stat } of walk(directory)) {
    if (kind === 'left') continue
    if (!stat.isDirectory() && stat.nlink > 1) {
      const known = several.get(stat.ino) ?? { blocks: stat.blocks, names: stat.nlink, here: 0 }
      known.here++
      several.set(stat.ino, known)
      continue
    }
    share += stat.blocks
    own += stat.blocks
  }
  let common = false
  for (const { blocks, names, here } of several.values()) {
    share += (blocks * here) / names
    if (here >= names) own += blocks
    else common = true
  }
  return { share: Math.round(share * 512), own: own * 512, common }
}
