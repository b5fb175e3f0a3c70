import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readlinkSync, readSync, lstatSync } from 'node:fs'
import { join } from 'node:path/posix'
import type { Manifest } from './unpack.js'

/** The manifest of a directory that nothing writes to. Devices and sockets are not in it. For the porter's thread. */
export function survey(directory: string): Manifest {
  const manifest: Manifest = new Map()
  const visit = (path: string): void => {
    for (const name of readdirSync(directory + path).sort()) {
      const here = join(path, name)
      const stat = lstatSync(directory + here)
      const mode = stat.mode & 0o7777
      if (stat.isDirectory()) {
        manifest.set(here, { type: 'directory', mode, content: '', size: 0 })
        visit(here)
      } else if (stat.isSymbolicLink())
        manifest.set(here, { type: 'symlink', mode, content: readlinkSync(directory + here), size: 0 })
      else if (stat.isFile())
        manifest.set(here, { type: 'file', mode, content: digestFile(directory + here), size: stat.size })
    }
  }
  visit('/')
  return manifest
}

/** SHA-256 of a file's content, in hex. */
export function digestFile(path: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(1 << 18)
  const fd = openSync(path, 'r')
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read))
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}
