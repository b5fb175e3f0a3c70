import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { BerthError } from '../errors.js'
import { inMebibytes } from './explain.js'

/** On a small disk, this part of it is the reserve. The engine reckons the same. */
const part = 0.1
/** Directory entries and file systems' own needs, a file. */
const blockBytes = 4096
/** Of the inodes that are free, this part is left to others. */
const inodePart = 0.1

/** What a tree takes of a disk. */
export interface Needs {
  readonly bytes: number
  /** Files and directories. */
  readonly files: number
}

export const blocksOf = (size: number): number => Math.ceil(size / blockBytes) * blockBytes

/** The room of one disk, and what of it has been promised to trees that are being written. */
export class Disk {
  readonly #path: string
  readonly #reserve: number
  readonly #promised = new Set<Needs>()

  /** @param reserve bytes to leave free, a tenth of the disk at most */
  constructor(path: string, reserve: number) {
    this.#path = path
    this.#reserve = reserve
  }

  /** What the disk has, in bytes: `reserve` of what is free is left so. */
  async space(): Promise<{ readonly size: number; readonly free: number; readonly reserve: number }> {
    const stats = await statfs(this.#path)
    return { size: stats.blocks * stats.bsize, free: stats.bavail * stats.bsize, reserve: this.#reserveOf(stats) }
  }

  /** Bytes that may still be written; never negative. */
  async room(): Promise<number> {
    return Math.max(0, this.#left(await statfs(this.#path)).bytes)
  }

  /**
   * Promises room for a tree until the task that writes it has ended.
   * @throws BerthError `large` when there is not so much beside the reserve
   */
  async withRoom<T>(needs: Needs, task: () => Promise<T>): Promise<T> {
    const left = this.#left(await statfs(this.#path))
    if (needs.bytes > left.bytes)
      throw new BerthError(
        'large',
        `the pushed files take ${inMebibytes(needs.bytes)}, and the server has room for ${inMebibytes(Math.max(0, left.bytes))} beside its reserve`,
        'push fewer or smaller files, or free space on the server',
      )
    if (needs.files > left.files)
      throw new BerthError(
        'large',
        `the push holds ${String(needs.files)} files, and the server's file system has room for ${String(Math.max(0, left.files))}`,
        'push fewer files, or free space on the server',
      )
    this.#promised.add(needs)
    try {
      return await task()
    } finally {
      this.#promised.delete(needs)
    }
  }

  #reserveOf({ blocks, bsize }: StatsFs): number {
    return Math.floor(Math.min(this.#reserve, blocks * bsize * part))
  }

  #left(stats: StatsFs): Needs {
    const { bavail, bsize, ffree, files } = stats
    const promised = [...this.#promised]
    const sum = (of: (needs: Needs) => number): number => promised.reduce((total, needs) => total + of(needs), 0)
    return {
      bytes: bavail * bsize - this.#reserveOf(stats) - sum((needs) => needs.bytes),
      // some file systems count no inodes
      files: files === 0 ? Infinity : Math.floor(ffree * (1 - inodePart)) - sum((needs) => needs.files),
    }
  }
}
