import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream'
import { extract } from 'tar-stream'

const modulus = 2n ** 256n

/** What is in an archive. */
export interface ArchiveContents {
  readonly files: number
  /** The same for the same files: names, owners, rights, links and what is in them. Times of directories are no part of it. */
  readonly digest: string
}

/** Reads an archive to its end. @throws where it is cut off or damaged */
export async function contentsOf(archive: NodeJS.ReadableStream): Promise<ArchiveContents> {
  let files = 0
  let digest = 0n
  // a pipe would leave the reader waiting for an archive that breaks off
  for await (const entry of pipeline(archive, extract(), () => undefined)) {
    const { name, type, uid, gid, mode, mtime, linkname } = entry.header
    const hash = createHash('sha256')
    for await (const chunk of entry) hash.update(chunk as Buffer)
    const time = type === 'file' ? Math.floor(mtime.getTime() / 1000) : 0
    const line = JSON.stringify([name, type, uid, gid, mode & 0o7777, linkname, time, hash.digest('hex')])
    files += 1
    // a sum goes by no order, and takes the same memory for a million of them
    digest = (digest + BigInt(`0x${createHash('sha256').update(line).digest('hex')}`)) % modulus
  }
  return { files, digest: digest.toString(16) }
}
