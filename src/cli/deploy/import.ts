import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { BerthError } from '../../errors.js'
import { checkLink, Names, pathOfEntry } from './paths.js'
import type { Workspace } from './workspace.js'

/** Entries of an archive, directories among them. */
const maxEntries = 200_000
/** Bytes of all its files, unpacked: as many as a server takes by itself (BERTH_PUSH_TREE). */
const maxBytes = 4 * 1024 ** 3
/** Bytes of a link's target. */
const maxTarget = 4096

/** A file, a symbolic link, or another name of a file that was there before. */
export interface ArchiveEntry {
  readonly name: string
  readonly kind: 'file' | 'link' | 'alias'
  readonly executable: boolean
  /** Bytes of its content. */
  readonly size: number
  readonly content: AsyncIterable<Uint8Array>
  /** Of a link or an alias. */
  readonly target: string
}

interface Imported {
  readonly path: string
  readonly mode: string
  readonly mark: number
}

const refused = (why: string): BerthError => new BerthError('invalid', `the archive ${why}`)

/**
 * What an archive holds, made into objects of git as it is read (git-fast-import(1)): nothing is unpacked, so nothing of it can
 * be written to where it should not be. What is in one directory alone is taken out of it.
 * @returns the tree's id
 * @throws BerthError `invalid` for an entry that must not be, `large` for too many or too much
 */
export async function importEntries(workspace: Workspace, entries: AsyncIterable<ArchiveEntry>): Promise<string> {
  const ref = `refs/berth/${randomUUID()}`
  const input = (stdin: Writable): Promise<void> => writeEntries(stdin, ref, entries)
  await workspace.git(['fast-import', '--quiet', '--done', '--depth=0'], { input })
  try {
    return await workspace.git(['rev-parse', `${ref}^{tree}`])
  } finally {
    await workspace.git(['update-ref', '-d', ref])
  }
}

async function writeEntries(stdin: Writable, ref: string, entries: AsyncIterable<ArchiveEntry>): Promise<void> {
  const write = async (piece: string | Uint8Array): Promise<void> => {
    // a git that has ended says why; waiting for it to read would be for ever
    if (!stdin.write(piece) && !stdin.destroyed) await Promise.race([once(stdin, 'drain'), once(stdin, 'close')])
  }
  const names = new Names()
  const imported = new Map<string, Imported>()
  let [count, bytes] = [0, 0]
  for await (const entry of entries) {
    countEntries((count += 1))
    if ((bytes += entry.size) > maxBytes) throw tooLarge(`more than ${String(maxBytes / 1024 ** 3)} GiB, unpacked`)
    const path = pathOfEntry(entry.name)
    if (path === null) continue
    names.add(path)
    const mark = imported.size + 1
    if (entry.kind === 'alias') imported.set(path, aliasOf(imported, path, entry.target))
    else {
      imported.set(path, { path, mark, mode: modeOf(entry) })
      await write(`blob\nmark :${String(mark)}\n`)
      if (entry.kind === 'link') await writeLink(write, path, entry)
      else await writeContent(write, entry)
    }
  }
  if (imported.size === 0) throw refused('has nothing to deploy')
  const prefix = names.only === null ? 0 : names.only.length + 1
  await write(`commit ${ref}\ncommitter berth <berth@localhost> 0 +0000\ndata 0\n`)
  for (const { path, mode, mark } of imported.values())
    await write(`M ${mode} :${String(mark)} "${path.slice(prefix).replaceAll('"', '\\"')}"\n`)
  await write('done\n')
}

const tooLarge = (what: string): BerthError =>
  new BerthError('large', `the archive holds ${what}`, 'leave out what is generated or installed')

/** @throws BerthError `large` when so many are more than an archive may have */
export function countEntries(count: number): void {
  if (count > maxEntries) throw tooLarge(`more than ${String(maxEntries)} entries`)
}

const modeOf = ({ kind, executable }: ArchiveEntry): string =>
  kind === 'link' ? '120000' : executable ? '100755' : '100644'

/** A hard link is another name of what was there before it, and of nothing else. */
function aliasOf(imported: ReadonlyMap<string, Imported>, path: string, target: string): Imported {
  const original = imported.get(pathOfEntry(target) ?? '')
  if (!original) throw refused(`has a link to what is not in it before: ${JSON.stringify(path)}`)
  return { ...original, path }
}

type Write = (piece: string | Uint8Array) => Promise<void>

async function writeLink(write: Write, path: string, entry: ArchiveEntry): Promise<void> {
  let target = entry.target
  if (target === '') {
    if (entry.size > maxTarget) throw refused(`has a link of ${String(entry.size)} bytes: ${JSON.stringify(path)}`)
    for await (const piece of entry.content) target += Buffer.from(piece).toString()
  }
  checkLink(path, target)
  await write(`data ${String(Buffer.byteLength(target))}\n${target}\n`)
}

async function writeContent(write: Write, { size, content, name }: ArchiveEntry): Promise<void> {
  let left = size
  await write(`data ${String(size)}\n`)
  for await (const piece of content) {
    left -= piece.length
    if (left < 0) break
    await write(piece)
  }
  if (left !== 0) throw refused(`is damaged: ${JSON.stringify(name)} has not as many bytes as it says`)
  await write('\n')
}
