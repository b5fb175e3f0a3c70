import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, opendir } from 'node:fs/promises'
import { codeOf } from '../errors.js'

/** What is done with what a descent meets. Paths lead through a descriptor, are short, and hold only while they are used. */
export interface Visit {
  /** Everything but directories; several at once. */
  readonly other: (path: Buffer) => Promise<void>
  /** A directory that has just been found. */
  readonly found?: (path: Buffer) => Promise<void>
  /** A directory, once all in it was visited; true has it visited again. */
  readonly left?: (path: Buffer, times: number) => Promise<boolean>
  /** What cannot be visited. Without it the descent ends there. */
  readonly failed?: (error: unknown) => void
}

/** Visits under way at once. */
const atOnce = 16
/** Entries that are read at once. */
const batch = 256
/** Descriptors of directories held at once, however deep a tree is: a container makes one of any depth. */
const mostOpen = 16

const asDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK

interface Level {
  readonly name: Buffer
  readonly identity: string
  handle: FileHandle | undefined
  /** Directories in it that are yet to be visited. */
  below: Buffer[]
  times: number
}

/** What vanishes, or becomes another thing, while it is walked: nobody who lives in a tree waits for us. */
export const hasGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')

/**
 * Visits everything below a directory, depth first. No path is longer than a name, so that a tree may be deeper than
 * PATH_MAX; links are never followed, not one that takes a directory's place meanwhile, and no other file system is
 * entered. A few entries at a time: 100,000 answers at once would keep the loop for a second.
 * @throws what the directory itself cannot be read for
 */
export async function descend(directory: string, visit: Visit): Promise<void> {
  const levels: Level[] = []
  const failed = (error: unknown): void => {
    if (hasGone(error)) return
    if (!visit.failed) throw error
    visit.failed(error)
  }
  try {
    const root = await enter(Buffer.from(directory), Buffer.alloc(0))
    const [device = ''] = root.identity.split(' ')
    levels.push(root)
    await look(root, visit, failed)
    for (;;) {
      const level = levels.at(-1)
      if (!level) return
      const name = level.below.pop()
      if (name !== undefined && level.handle) {
        const child = await enter(within(level.handle, name), name).catch(failed)
        if (!child) continue
        if (!child.identity.startsWith(`${device} `)) {
          await child.handle?.close()
          failed(Object.assign(new Error(`something is mounted on "${name.toString()}"`), { code: 'EBUSY' }))
          continue
        }
        levels.push(child)
        await giveUp(levels)
        await look(child, visit, failed)
      } else if (levels.length === 1) return
      else await leave(levels, visit, failed)
    }
  } finally {
    for (const { handle } of levels) await handle?.close()
  }
}

async function enter(path: Buffer, name: Buffer): Promise<Level> {
  const handle = await open(path, asDirectory)
  return { name, identity: await identityOf(handle), handle, below: [], times: 0 }
}

async function identityOf(handle: FileHandle): Promise<string> {
  const { dev, ino } = await handle.stat({ bigint: true })
  return `${String(dev)} ${String(ino)}`
}

const within = ({ fd }: FileHandle, name: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${String(fd)}/`), Buffer.from(name)])

/** Visits what is in a directory, and notes the directories among it. */
async function look(level: Level, { found, other }: Visit, failed: (error: unknown) => void): Promise<void> {
  const { handle } = level
  if (!handle) return
  const under: Promise<void>[] = []
  try {
    // names need not be UTF-8, which the types do not know
    const entries = (await opendir(within(handle, '.'), {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: batch,
    })) as unknown as AsyncIterable<Dirent<Buffer>>
    for await (const entry of entries) {
      const path = within(handle, entry.name)
      if (entry.isDirectory()) level.below.push(entry.name)
      const visiting = entry.isDirectory() ? found?.(path) : other(path)
      if (visiting) under.push(visiting.catch(failed))
      if (under.length >= atOnce) await Promise.all(under.splice(0))
    }
    await Promise.all(under)
  } catch (error) {
    await Promise.allSettled(under)
    failed(error)
  }
}

/** Closes the descriptor of the directory furthest up but the first, of too many. */
async function giveUp(levels: readonly Level[]): Promise<void> {
  const far = levels.length > mostOpen ? levels[levels.length - mostOpen] : undefined
  if (!far || far === levels[0]) return
  await far.handle?.close()
  far.handle = undefined
}

async function leave(levels: Level[], visit: Visit, failed: (error: unknown) => void): Promise<void> {
  const [parent, child] = levels.slice(-2)
  if (!parent || !child) return
  parent.handle ??= (await openAgain(levels, child).catch(failed)) ?? undefined
  if (parent.handle && visit.left) {
    const again = await visit.left(within(parent.handle, child.name), ++child.times).catch(failed)
    if (again === true) {
      await look(child, visit, failed)
      return
    }
  }
  levels.pop()
  await child.handle?.close()
  // it was moved away meanwhile: where it is now is none of ours
  if (!parent.handle) parent.below = []
}

/** Opens a directory whose descriptor was given up: by the way up, and where that leads elsewhere by now, from the top. */
async function openAgain(levels: readonly Level[], { handle: from }: Level): Promise<FileHandle | undefined> {
  const wanted = levels.at(-2)
  if (!wanted) return undefined
  if (from) {
    const handle = await open(within(from, '..'), asDirectory)
    if ((await identityOf(handle)) === wanted.identity) return handle
    await handle.close()
  }
  let at = levels[0]?.handle
  for (const { name, identity } of levels.slice(1, -1)) {
    if (!at) return undefined
    const next: FileHandle = await open(within(at, name), asDirectory)
    if (at !== levels[0]?.handle) await at.close()
    at = next
    if ((await identityOf(next)) === identity) continue
    await next.close()
    return undefined
  }
  return at
}
