import { fstatSync } from 'node:fs'
import { codeOf } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import { type FileStat, type Name, namesIn, nowhere, openDirectoryAt, statAt } from '../kernel/at.js'

/** Where a walk is. What it holds is good until the walk goes on. */
export interface WalkStep {
  /** Something is met, or a directory that was entered is left. */
  readonly kind: 'met' | 'left'
  /** A descriptor of the directory that has it; `lost` when that was moved away while it was walked. */
  readonly dir: number
  readonly name: Buffer
  /** Its path below the directory where the walk began. */
  readonly path: Buffer
  readonly stat: FileStat
  /** To be set to false for a directory that is not to be entered. */
  enter: boolean
}

/** No descriptor. */
const lost = -1

/** Descriptors held at once, however deep a tree is. */
const mostOpen = 32

interface Level {
  readonly name: Buffer
  readonly stat: FileStat
  /** Undefined once it is given up, because there are too many. */
  fd: number | undefined
  names: Buffer[]
  next: number
}

/** What becomes another thing, or nothing, while it is walked. */
const gone = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/**
 * Walks everything below a directory, parents first and names in the order of their bytes. It goes by descriptor, a
 * few of them, so that a tree may be deeper than PATH_MAX and no link leads out of it, be it that one takes a
 * directory's place meanwhile. Synchronous: for threads.
 * @param directory a path, or a descriptor that stays the caller's
 */
export function* walk(directory: Name | number): Generator<WalkStep, void, void> {
  const path = new Path()
  const levels: Level[] = []
  const own = typeof directory === 'number' ? openDirectoryAt(directory, '.') : openDirectoryAt(nowhere, directory)
  levels.push(levelOf(Buffer.alloc(0), own))
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const name = level.names[level.next++]
      if (name !== undefined && level.fd !== undefined) {
        const stat = statAt(level.fd, name)
        if (!stat) continue
        path.push(name)
        const step: WalkStep = { kind: 'met', dir: level.fd, name, path: path.bytes, stat, enter: true }
        yield step
        const below = stat.isDirectory() && step.enter ? enter(level.fd, name) : undefined
        if (below) {
          levels.push(below)
          giveUp(levels)
        } else path.pop(name)
        continue
      }
      const parent = levels.at(-2)
      if (parent) {
        parent.fd ??= openAgain(levels, level.fd)
        // it was moved away meanwhile: where it is now is none of ours
        if (parent.fd === undefined) parent.names = []
        const { name, stat } = level
        yield { kind: 'left', dir: parent.fd ?? lost, name, path: path.bytes, stat, enter: false }
        path.pop(level.name)
      }
      levels.pop()
      if (level.fd !== undefined) closeDescriptor(level.fd)
    }
  } finally {
    for (const { fd } of levels) if (fd !== undefined) closeDescriptor(fd)
  }
}

function enter(dir: number, name: Buffer): Level | undefined {
  try {
    return levelOf(name, openDirectoryAt(dir, name))
  } catch (error) {
    if (gone.has(codeOf(error) ?? '')) return undefined
    throw error
  }
}

function levelOf(name: Buffer, fd: number): Level {
  try {
    const names = namesIn(fd).sort((a, b) => Buffer.compare(a, b))
    return { name, stat: fstatSync(fd), fd, names, next: 0 }
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
}

function giveUp(levels: readonly Level[]): void {
  const far = levels.length > mostOpen ? levels[levels.length - mostOpen] : undefined
  if (far?.fd === undefined || far === levels[0]) return
  closeDescriptor(far.fd)
  far.fd = undefined
}

/** Opens the last directory but one again: by the way up, and where that leads elsewhere by now, from the top. */
function openAgain(levels: readonly Level[], from: number | undefined): number | undefined {
  const up = from === undefined ? undefined : openDirectoryAt(from, '..')
  if (up !== undefined && isSame(up, levels.at(-2))) return up
  if (up !== undefined) closeDescriptor(up)
  let at = levels[0]?.fd
  for (const level of levels.slice(1, -1)) {
    if (at === undefined) return undefined
    const next = tryOpen(at, level.name)
    if (at !== levels[0]?.fd) closeDescriptor(at)
    at = next
    if (at === undefined || isSame(at, level)) continue
    closeDescriptor(at)
    return undefined
  }
  return at
}

function tryOpen(dir: number, name: Buffer): number | undefined {
  try {
    return openDirectoryAt(dir, name)
  } catch {
    return undefined
  }
}

function isSame(fd: number, level: Level | undefined): boolean {
  const { dev, ino } = fstatSync(fd)
  return dev === level?.stat.dev && ino === level.stat.ino
}

/** A path that grows and shrinks by a name at a time: a string a directory would be the square of the depth. */
class Path {
  #buffer = Buffer.alloc(4096)
  #length = 0

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  push(name: Buffer): void {
    const length = this.#length + (this.#length > 0 ? 1 : 0) + name.length
    if (length > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer], 2 * length)
    if (this.#length > 0) this.#buffer[this.#length++] = 0x2f
    name.copy(this.#buffer, this.#length)
    this.#length = length
  }

  pop(name: Buffer): void {
    this.#length = Math.max(0, this.#length - name.length - 1)
  }
}
