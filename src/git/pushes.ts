import { link, mkdir, readdir, readFile, rename, rm, writeFile, open } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { BerthError } from '../errors.js'
import type { RefCommand } from './commands.js'
import { orMissing, readIfThere } from '../lib/missing.js'
import type { Unwatched } from './watch.js'
import type { PushOptions } from './push-options.js'
import { procReceiveAnswer, type Verdict } from './report.js'

/** A push that became an operation, from then until its ref's fate is settled. */
export interface Push {
  /** `<pid>-<start time>` of its receive-pack. */
  readonly id: string
  /** Id of it. */
  readonly operation: string
  readonly command: RefCommand
  /** The ref that was pushed, where another is moved in its place. */
  readonly pushed?: string
  readonly options?: PushOptions
  /** What it changes, if its app is not built of that. */
  readonly unwatched?: Unwatched
  /** An id of its tree. */
  readonly tree?: string
  /** Operations that make it stale when one of them lands first. */
  readonly unless?: readonly string[]
  /** The other refs of the push, refused. */
  readonly refused: readonly Verdict[]
}

const pushId = /^\d{1,10}-\d{1,20}$/

/** How a push is named by its receive-pack, as the hooks do it (hooks.ts); null when that is over. */
export async function pushIdOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'latin1').catch(orMissing(null))
  const [state, ...fields] = stat === null ? ['X'] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'X' || state === 'Z' ? null : `${String(pid)}-${fields[18] ?? ''}`
}

/** Whether a push's receive-pack runs: its hooks are to be answered still. */
export const isUnderWay = async (id: string): Promise<boolean> => (await pushIdOf(Number(id.split('-')[0]))) === id

function directoryOf(repository: string, id: string): string {
  if (!pushId.test(id)) throw new BerthError('invalid', 'not a push')
  return join(repository, 'berth', id)
}

/**
 * Records a push, durably, and keeps its objects: git throws them away if its receive-pack is killed, and the operation
 * would then have no commit. They are hard links, so keeping a large pack costs nothing.
 * What its last hook is to say, should it be taken, lies beside (hooks.ts).
 * @param quarantine receive-pack's own object directory, inside the repository
 */
export async function recordPush(repository: string, push: Push, quarantine: string): Promise<void> {
  const directory = directoryOf(repository, push.id)
  await rm(directory, { recursive: true, force: true }) // of a process that had this id before a reboot
  await linkTree(quarantine, join(directory, 'objects'))
  const { command, pushed, refused } = push
  const taken = { ref: pushed ?? command.ref, reason: null, ...(pushed !== undefined && { moved: command.ref }) }
  await writeFile(join(directory, 'answer'), procReceiveAnswer([taken, ...refused]))
  const file = join(directory, 'push.json')
  const handle = await open(`${file}.new`, 'w', 0o600)
  await handle.writeFile(JSON.stringify(push))
  await handle.sync()
  await handle.close()
  await rename(`${file}.new`, file)
}

export async function readPush(repository: string, id: string): Promise<Push | null> {
  const text = await readIfThere(join(directoryOf(repository, id), 'push.json'))
  if (text === null) return null
  // `deploy`: of a push that an older Berth has left to this one
  const { deploy, operation = deploy, ...push } = JSON.parse(text) as Omit<Push, 'operation'> & Record<string, string>
  return { ...push, operation } as Push
}

/** Every push of a repository that is not settled. */
export async function listPushes(repository: string): Promise<Push[]> {
  const names = await readdir(join(repository, 'berth')).catch(orMissing([]))
  const found = await Promise.all(names.filter((name) => pushId.test(name)).map((name) => readPush(repository, name)))
  return found.filter((push) => push !== null)
}

export const forgetPush = (repository: string, id: string): Promise<void> =>
  rm(directoryOf(repository, id), { recursive: true, force: true })

/**
 * Resolves when the disk has the objects of a push, which git does not wait for (`core.fsync` in repository.ts): before anything
 * is recorded that refers to them. All are synced at once, and share a commit of the disk's journal.
 */
export async function syncObjects(quarantine: string): Promise<void> {
  const entries = await readdir(quarantine, { recursive: true, withFileTypes: true }).catch(orMissing([]))
  await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => {
        await using file = await open(join(parentPath, name), 'r')
        await file.sync()
      }),
  )
}

/** Brings a push's kept objects into the repository, as git does with a quarantine's when the hook says yes. */
export async function adoptObjects(repository: string, id: string): Promise<void> {
  await linkTree(join(directoryOf(repository, id), 'objects'), join(repository, 'objects'))
}

/** @throws BerthError `invalid` when it is not a quarantine of this repository */
export function checkQuarantine(repository: string, path: string): string {
  const real = resolve(repository, path)
  if (!real.startsWith(join(repository, 'objects') + sep)) throw new BerthError('invalid', 'not a push to this app')
  return real
}

/** Links every file of a tree, packs before their indexes, since git takes an index for a promise of its pack. */
export async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  const entries = await readdir(from, { withFileTypes: true }).catch(orMissing([]))
  entries.sort((a, b) => Number(a.name.endsWith('.idx')) - Number(b.name.endsWith('.idx')))
  for (const entry of entries) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkTree(source, target)
    else if (entry.isFile() && !entry.name.endsWith('.keep'))
      await link(source, target).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      })
  }
}

/** Release and commit a ref was last moved to. */
interface RefMove {
  readonly release: number
  readonly commit: string
  /** When the operation of it ended, RFC 3339; several may find the same release. Not known of old ones. */
  readonly at?: string
}

export async function readMoves(repository: string): Promise<Record<string, RefMove>> {
  const text = (await readIfThere(join(repository, 'berth', 'landed.json'))) ?? '{}'
  return JSON.parse(text) as Record<string, RefMove>
}

export async function writeMoves(repository: string, moves: Readonly<Record<string, RefMove>>): Promise<void> {
  const file = join(repository, 'berth', 'landed.json')
  await writeFile(`${file}.new`, JSON.stringify(moves))
  await rename(`${file}.new`, file)
}
