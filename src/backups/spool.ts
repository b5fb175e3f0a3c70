import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import { bytesInWords } from '../lib/bytes.js'
import { spoolDirectory } from './places.js'

/** Bytes after which the disk is looked at again. */
const lookBytes = 16 * 1024 * 1024
/** On a small disk, this part of it is the reserve. The engine reckons the same. */
const part = 0.1

/** Bytes of a disk that may still be written; not above 0 where it is full to its reserve. */
export async function freeBytes(path: string, reserve: number): Promise<number> {
  const { bavail, blocks, bsize } = await statfs(path)
  return bavail * bsize - Math.min(reserve, blocks * bsize * part)
}

/** A dump on its way: whole before anything of it goes to the repository, so that none that breaks off is taken for one. */
export interface Spooled extends AsyncDisposable {
  readonly file: string
  readonly output: Writable
  /** To be asked once `output` has ended. */
  readonly sum: () => { readonly bytes: number; readonly sha256: string }
}

/** A place for a dump. @param onBytes told how many there are @throws BerthError `large` by its output, when the disk is full to its reserve */
export async function openSpool(
  config: Pick<Config, 'root' | 'diskReserve'>,
  id: string,
  onBytes: (bytes: number) => void,
): Promise<Spooled> {
  const directory = spoolDirectory(config)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, id)
  const handle = await open(file, 'w', 0o600)
  const hash = createHash('sha256')
  let [bytes, looked] = [0, -lookBytes]
  const write = async (chunk: Buffer): Promise<void> => {
    if (bytes - looked >= lookBytes) {
      const free = await freeBytes(directory, config.diskReserve)
      if (free < lookBytes) throw full(bytes)
      looked = bytes
    }
    hash.update(chunk)
    for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten
    onBytes((bytes += chunk.length))
  }
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => void write(chunk).then(() => done(), done),
    highWaterMark: 1024 * 1024,
  })
  return {
    file,
    output,
    sum: () => ({ bytes, sha256: hash.digest('hex') }),
    [Symbol.asyncDispose]: async () => {
      await handle.close()
      await rm(file, { force: true })
    },
  }
}

const full = (bytes: number): BerthError =>
  new BerthError(
    'large',
    `the disk is full to its reserve after ${bytesInWords(bytes)} of the dump`,
    'a dump lies on the disk of the server before it goes to the repository: free some (`berth disk`)',
  )

/** Removes what a worker that died has left. */
export async function cleanSpool(config: Pick<Config, 'root'>): Promise<void> {
  const directory = spoolDirectory(config)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) await rm(join(directory, name), { force: true })
}
