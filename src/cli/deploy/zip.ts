import { openPromise, type Entry, type ZipFile } from 'yauzl'
import { BerthError, messageOf } from '../../errors.js'
import { countEntries, type ArchiveEntry } from './import.js'

/** Of what made the entry: in its high byte (APPNOTE.TXT, 4.4.2), 3 is UNIX; then the high half of the attributes is a mode. */
const unix = 3
const kindMask = 0o170000
const kinds = { directory: 0o040000, link: 0o120000, file: 0o100000 }

const damaged = (error: unknown): BerthError =>
  new BerthError('invalid', `the archive is damaged, or not to be trusted: ${messageOf(error)}`, 'make it anew', error)

/**
 * The files of a zip. Names that lead out, and entries that have not the size they claim, are refused by the library; backslashes,
 * which some of Windows' tools write, are taken for the slashes they stand for.
 * @throws BerthError `invalid`, `large`
 */
export async function* entriesOfZip(file: string): AsyncGenerator<ArchiveEntry> {
  let zip: ZipFile
  try {
    zip = await openPromise(file, { lazyEntries: true, autoClose: true, strictFileNames: false })
  } catch (error) {
    throw damaged(error)
  }
  try {
    countEntries(zip.entryCount) // its directory tells before anything is read
    for await (const entry of zip.eachEntry()) {
      const made = entryOf(zip, entry)
      if (made) yield made
    }
  } catch (error) {
    throw error instanceof BerthError ? error : damaged(error)
  } finally {
    zip.close()
  }
}

function entryOf(zip: ZipFile, entry: Entry): ArchiveEntry | null {
  const name = entry.fileName
  const refused = (why: string): BerthError =>
    new BerthError('invalid', `the archive's entry ${JSON.stringify(name.slice(0, 80))} ${why}`, 'make it anew without')
  if (name.endsWith('/')) return null
  if (entry.isEncrypted()) throw refused('is encrypted')
  const mode = entry.versionMadeBy >>> 8 === unix ? entry.externalFileAttributes >>> 16 : 0
  const kind = mode & kindMask
  if (kind !== 0 && !Object.values(kinds).includes(kind)) throw refused('is no file, directory or link')
  return {
    name,
    kind: kind === kinds.link ? 'link' : 'file',
    executable: (mode & 0o100) !== 0,
    size: entry.uncompressedSize,
    content: contentOf(zip, entry),
    target: '',
  }
}

async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  try {
    yield* (await zip.openReadStreamPromise(entry)) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw damaged(error)
  }
}
