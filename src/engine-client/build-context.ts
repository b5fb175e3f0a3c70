import { createReadStream } from 'node:fs'
import { readdir, readlink, lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import dockerignore from '@balena/dockerignore'
import { pack, type Pack } from 'tar-stream'

/** A file added to a build context that is not in the tree. */
export interface Extra {
  readonly name: string
  readonly text: string
}

/**
 * A build context as a tar stream, without what .dockerignore leaves out. A file at a time is read, and only as fast as
 * the engine takes it. Links are sent as links, wherever they lead; owners are root; git keeps no times, so each
 * file has the time it was written at.
 */
export function buildContext(directory: string, ignored: string, extras: readonly Extra[] = []): Readable {
  const tar = pack()
  const fill = async (): Promise<void> => {
    for await (const path of filesOf(directory, ignored)) await add(tar, directory, path)
    for (const { name, text } of extras) tar.entry({ name, mode: 0o644 }, text)
    tar.finalize()
  }
  fill().catch((error: unknown) => tar.destroy(error as Error))
  return Readable.from(tar, { objectMode: false })
}

async function add(tar: Pack, directory: string, path: string): Promise<void> {
  const full = join(directory, path)
  const stats = await lstat(full)
  const header = { name: path, mode: stats.mode & 0o111 ? 0o755 : 0o644, mtime: stats.mtime }
  if (stats.isFile()) {
    const entry = tar.entry({ ...header, size: stats.size })
    await pipeline(createReadStream(full), entry)
  } else if (stats.isSymbolicLink()) tar.entry({ ...header, type: 'symlink', linkname: await readlink(full) })
  else if (stats.isDirectory()) tar.entry({ ...header, name: `${path}/`, type: 'directory', mode: 0o755 })
}

/** Paths below a directory that belong to the context, parents first, sorted. */
async function* filesOf(directory: string, patterns: string): AsyncGenerator<string> {
  const filter = dockerignore.default().add(patterns)
  const excepts = /^\s*!/m.test(patterns)
  async function* below(parent: string): AsyncGenerator<string> {
    const entries = await readdir(join(directory, parent), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`
      const ignored = filter.ignores(path)
      if (!ignored) yield path
      // an exception may lie below an ignored directory; without exceptions it need not be entered
      if (entry.isDirectory() && (!ignored || excepts)) yield* below(path)
    }
  }
  yield* below('')
}
