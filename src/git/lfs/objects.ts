import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BerthError } from '../../errors.js'
import { orMissing } from '../../lib/missing.js'
import { blocksOf, type Disk } from '../disk.js'

/** A file that Git LFS keeps beside git: its SHA-256 in hexadecimal, and its bytes. */
export interface LfsObject {
  readonly oid: string
  readonly size: number
}

/** An upload that was broken off is taken away when the next one comes after so long. Milliseconds. */
const abandonedMs = 24 * 3600 * 1000

/** Where an object is, or would be: in the app's repository, laid out as git-lfs itself does it, so that they go together. */
export const objectFile = (repository: string, oid: string): string =>
  join(repository, 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid)

/** Whether an object is there, whole: nothing else ever gets its name. */
export const hasObject = (repository: string, { oid, size }: LfsObject): Promise<boolean> =>
  stat(objectFile(repository, oid)).then((file) => file.size === size, orMissing(false))

/**
 * Takes an object as it arrives: nothing has its name before all of it is on the disk and has the digest that it should.
 * @throws BerthError `invalid` when it is not what it was said to be, `large` when there is no room
 */
export async function putObject(
  repository: string,
  object: LfsObject,
  body: AsyncIterable<Buffer>,
  disk: Disk,
): Promise<void> {
  const incoming = join(repository, 'lfs', 'incoming')
  await mkdir(incoming, { recursive: true, mode: 0o750 })
  await removeAbandoned(incoming)
  const draft = join(incoming, randomUUID())
  try {
    await disk.withRoom({ bytes: blocksOf(object.size), files: 1 }, () => write(draft, object, body))
    const file = objectFile(repository, object.oid)
    await mkdir(dirname(file), { recursive: true, mode: 0o750 })
    await rename(draft, file)
    for (const directory of [dirname(file), dirname(dirname(file)), dirname(dirname(dirname(file)))])
      await sync(directory)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function write(draft: string, { oid, size }: LfsObject, body: AsyncIterable<Buffer>): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  // builds read it by a link: its mode is that of a file that git checks out
  await using file = await open(draft, 'wx', 0o644)
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > size) throw mismatch(oid, `has more than its ${String(size)} bytes`)
    hash.update(piece)
    await file.write(piece)
  }
  if (bytes < size) throw mismatch(oid, `ended after ${String(bytes)} of ${String(size)} bytes`)
  const digest = hash.digest('hex')
  if (digest !== oid) throw mismatch(oid, `has the digest ${digest}`)
  await file.sync()
}

const mismatch = (oid: string, what: string): BerthError =>
  new BerthError('invalid', `the LFS object ${oid} ${what}`, 'check it with `git lfs fsck`, then push again')

async function sync(directory: string): Promise<void> {
  await using handle = await open(directory, 'r')
  await handle.sync()
}

async function removeAbandoned(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const draft = join(incoming, name)
    const since = await stat(draft).then(({ mtimeMs }) => mtimeMs, orMissing(Infinity))
    if (Date.now() - since > abandonedMs) await rm(draft, { force: true })
  }
}
