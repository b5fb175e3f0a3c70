import { constants, open } from 'node:fs/promises'

/** What a file begins with, and whether it may be run. */
export interface FileStart {
  readonly text: string
  readonly executable: boolean
}

/**
 * The beginning of a file of a pushed tree, so many bytes of it at most. Nothing for what is not there, and for a link, which may
 * lead anywhere, out of the tree and to what never ends.
 */
export async function readStart(path: string, bytes: number): Promise<FileStart> {
  const nothing = { text: '', executable: false }
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if (['ELOOP', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
      throw error
    },
  )
  if (!file) return nothing
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return nothing
    const length = Math.min(bytes, stats.size)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0)
    return { text: buffer.toString('utf8', 0, bytesRead), executable: (stats.mode & 0o100) !== 0 }
  } finally {
    await file.close()
  }
}
