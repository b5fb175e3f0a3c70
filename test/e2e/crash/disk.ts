import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { must, run } from '../../run.js'

/** A disk with an ext4 file system of its own, whose power can be cut. */
export interface Disk extends AsyncDisposable {
  /** True from a cut to the next mount. */
  readonly isCut: boolean
  /** From now on nothing reaches the disk, and what has not been synced is lost; who works there is told of a broken disk. */
  cut(): void
  /** What the next start of the machine does: the journal is replayed. No process may be left that works there. */
  mountAgain(options: string): Promise<void>
}

/**
 * How it is mounted: ext4 as people have it, but for the commits of the journal that it makes by itself every 5 seconds,
 * which hide that something is not synced; and the same without what it does for programs that rename before they sync.
 */
export const mountings = ['commit=300', 'commit=300,noauto_da_alloc'] as const

const ioctl = koffi.load('libc.so.6').func('int ioctl(int fd, ulong request, const uint8_t *argument)')
/** `_IOR('X', 125, __u32)`, linux/fs/ext4/ext4.h; the same on every architecture that Berth runs on. */
const EXT4_IOC_SHUTDOWN = 0x8004587d
const EXT4_GOING_FLAGS_NOLOGFLUSH = 2

/** Makes a disk out of a sparse file beside `place`, and mounts it there. */
export async function openDisk(place: string): Promise<Disk> {
  const file = `${place}.img`
  await mkdir(place, { recursive: true })
  await must('truncate', ['-s', '4G', file])
  await must('mkfs.ext4', ['-q', '-F', '-E', 'nodiscard', file])
  const mount = (options: string): Promise<string> =>
    must('mount', ['-t', 'ext4', '-o', `loop,${options}`, file, place])
  await mount(mountings[0])
  let isCut = false
  return {
    get isCut() {
      return isCut
    },
    cut: () => {
      const fd = openSync(place, 'r')
      try {
        const how = Buffer.alloc(4)
        how.writeUInt32LE(EXT4_GOING_FLAGS_NOLOGFLUSH)
        if (ioctl(fd, EXT4_IOC_SHUTDOWN, how) !== 0) throw new Error(`ioctl EXT4_IOC_SHUTDOWN: ${koffi.errno()}`)
      } finally {
        closeSync(fd)
      }
      isCut = true
    },
    mountAgain: async (options) => {
      await detach(place, file)
      await mount(options)
      isCut = false
    },
    [Symbol.asyncDispose]: async () => {
      await detach(place, file).finally(() => rm(file, { force: true }))
    },
  }
}

/** Unmounts it wherever it is mounted: a file system that somebody still has would be found as it is, not as on the disk. */
async function detach(place: string, file: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; isAttached(file);) {
    if (Date.now() > deadline) throw new Error(`somebody still has ${file}: ${elsewhere(place).join() || 'no process'}`)
    await run('umount', ['-l', place])
    // every engine's namespace, also of other tests, has a copy of what was mounted when it began
    for (const pid of elsewhere(place)) await run('nsenter', [`--mount=/proc/${pid}/ns/mnt`, 'umount', '-l', place])
    await sleep(20)
  }
}

const isAttached = (file: string): boolean =>
  readdirSync('/sys/block').some((name) => {
    const backing = join('/sys/block', name, 'loop/backing_file')
    try {
      return existsSync(backing) && readFileSync(backing, 'utf8').trim() === file
    } catch {
      return false // it has just been detached
    }
  })

/** A process of each mount namespace that has something mounted at a place. */
function elsewhere(place: string): string[] {
  const seen = new Map<string, string>()
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      if (readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${place} `))
        seen.set(readlinkSync(`/proc/${pid}/ns/mnt`), pid)
    } catch {
      // it has just ended
    }
  return [...seen.values()]
}
