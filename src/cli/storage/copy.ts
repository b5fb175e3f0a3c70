import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, link, lstat, mkdir, opendir, readlink, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { pipeline as pipe, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, pack, type Pack } from 'tar-stream'
import { BerthError, messageOf } from '../../errors.js'
import { isMissing } from '../../lib/missing.js'
import { UsageError } from '../failure.js'
import { say } from '../output.js'

/** A file or directory of this machine, with all below it, as a tar archive of one entry at its top. */
export function packLocal(path: string): Readable {
  const archive = pack()
  const from = resolve(path)
  addTree(archive, from, basename(from)).then(
    () => archive.finalize(),
    (error: unknown) => archive.destroy(error as Error),
  )
  // tar-stream's streams are none of Node's
  return Readable.from(archive)
}

async function addTree(archive: Pack, path: string, name: string): Promise<void> {
  const found = await lstat(path)
  const common = { name, mode: found.mode & 0o777, mtime: found.mtime }
  if (found.isSymbolicLink()) archive.entry({ ...common, type: 'symlink', linkname: await readlink(path) })
  else if (found.isFile()) {
    const { size } = found
    // what grows meanwhile is cut where it was
    if (size === 0) archive.entry({ ...common, type: 'file', size }, '')
    else await pipeline(createReadStream(path, { end: size - 1 }), archive.entry({ ...common, type: 'file', size }))
  } else if (found.isDirectory()) {
    archive.entry({ ...common, name: `${name}/`, type: 'directory' })
    for await (const { name: one } of await opendir(path)) await addTree(archive, join(path, one), `${name}/${one}`)
  } else say(`${path} is left out: it is neither file, directory nor link`)
}

/**
 * Unpacks an archive, which may be hostile, in a directory of this machine: no entry lands outside it. Nothing is written over;
 * links are made at the end, so that none is followed; what is no file, directory or link is left out. @throws BerthError `invalid`, `conflict`
 */
export async function unpackLocal(archive: AsyncIterable<Buffer>, directory: string): Promise<void> {
  const to = resolve(directory)
  if (!(await stat(to)).isDirectory()) throw new UsageError(`${directory} is no directory`)
  const links: (() => Promise<void>)[] = []
  // a link that was there before is no way either
  const made = new Set([to])
  const place = (name: string): string => {
    const path = inside(to, name)
    if (made.has(dirname(path))) return path
    throw new BerthError(
      'invalid',
      `the archive has an entry ${JSON.stringify(name.slice(0, 80))} without its directory`,
    )
  }
  const modes: (readonly [string, number])[] = []
  const ended = Promise.withResolvers<Error | null>()
  const entries = extract()
  pipe(archive, entries, (error) => ended.resolve(error ?? null))
  try {
    for await (const entry of entries) {
      const { name, type, mode, linkname } = entry.header
      const path = place(name)
      const target = linkname as string | null | undefined
      if (type === 'directory') {
        await mkdir(path).catch(unlessDirectory(path))
        made.add(path)
        modes.push([path, mode])
      } else if (type === 'file') await pipeline(entry, createWriteStream(path, { flags: 'wx', mode: mode & 0o777 }))
      else if (type === 'symlink' && target) links.push(() => symlink(target, path))
      else if (type === 'link' && target) links.push(() => link(place(target), path))
      else say(`${name} is left out: it is neither file, directory nor link`)
      entry.resume()
    }
  } catch (error) {
    throw worded(error)
  }
  const error = await ended.promise
  if (error) throw worded(error)
  try {
    for (const make of links) await make()
  } catch (error) {
    throw worded(error)
  }
  for (const [path, mode] of modes.reverse()) await chmod(path, mode & 0o777)
}

/** @throws BerthError `invalid` */
function inside(to: string, name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length === 0 || parts.includes('..') || name.startsWith('/') || name.includes('\0'))
    throw new BerthError(
      'invalid',
      `the archive has an entry ${JSON.stringify(name.slice(0, 80))}, which leads out of it`,
    )
  return join(to, ...parts)
}

const unlessDirectory =
  (path: string) =>
  async (error: unknown): Promise<void> => {
    // a link to a directory is none
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error
  }

function worded(error: unknown): unknown {
  const { code, path = '' } = error as NodeJS.ErrnoException
  if (error instanceof BerthError) return error
  if (code === 'EEXIST')
    return new BerthError('conflict', `${path} is there already`, 'copy to an empty directory', error)
  if (isMissing(error)) return new BerthError('invalid', `the archive is damaged: ${dirname(path)} is not in it`)
  return new BerthError('broken', `not all of it was copied: ${messageOf(error)}`, undefined, error)
}
