import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import { createLog } from '../log.js'

const log = createLog('files')

/** Where the files of one operation lie. */
export interface OperationFiles {
  /** Append-only UTF-8 text; kept as long as the app. */
  readonly log: string
  /** The pushed tree; when the operation is over it is the app's last. */
  readonly source: string
}

/** Named when an operation was called a deploy: a running Berth of before writes there while it is taken over. */
export const operationsDirectory = (config: Config): string => join(config.root, 'deploys')

export function operationFiles(config: Config, id: string): OperationFiles {
  const base = join(operationsDirectory(config), id)
  return { log: `${base}.log`, source: `${base}.src` }
}

/** The index that git keeps of a tree: by it the next commit's is made from this one's. */
export const indexOf = (tree: string): string => `${tree}.index`

/** Where it is written which tree it is, once it is whole. */
export const treeIdOf = (tree: string): string => `${tree}.id`

/**
 * The tree of an app's last operation: what has not changed since is neither written nor read again, nor stored in another
 * layer. Whoever writes the next one takes it away.
 */
export const lastTree = (config: Config, app: string): string => join(operationsDirectory(config), `${app}.tree`)

export const removeSource = (config: Config, id: string): Promise<void> =>
  removeSourceTree(operationFiles(config, id).source)

/** Keeps the tree of an operation that is over for the next one of its app. */
export async function keepSource(config: Config, id: string, app: string): Promise<void> {
  await removeSourceTree(lastTree(config, app)).catch((error: unknown) => setAside(config, app, error))
  // without its tree an index is nothing, and without its index a tree is written anew
  await moveTree(operationFiles(config, id).source, lastTree(config, app)).catch(() => removeSource(config, id))
}

/** Out of the way of the next operation; the next start of the worker tries again. */
async function setAside(config: Config, app: string, cause: unknown): Promise<void> {
  log.warn({ app, error: messageOf(cause) }, 'the tree of an earlier operation cannot be removed: it is set aside')
  const aside = operationFiles(config, `${app}-${String(Date.now())}`).source
  await rename(lastTree(config, app), aside).catch((error: unknown) => {
    log.warn({ app, error: messageOf(error) }, 'nor can it be moved')
  })
}

/** @throws when there is none, or a part of it only */
export async function moveTree(from: string, to: string): Promise<void> {
  await rename(from, to)
  await rename(indexOf(from), indexOf(to))
  await rename(treeIdOf(from), treeIdOf(to)).catch(() => rm(treeIdOf(to), { force: true }))
}

/**
 * Removes a directory, if it is there. What was pushed may be deeper than a path can be long, which rm(1) minds as little
 * as it holds up our loop. @throws what it says
 */
export async function removeDirectory(path: string): Promise<void> {
  if (existsSync(path)) await promisify(execFile)('rm', ['-rf', '--', path], { maxBuffer: 2 ** 26 })
}

export async function removeSourceTree(tree: string): Promise<void> {
  await removeDirectory(tree)
  for (const beside of [indexOf(tree), treeIdOf(tree)]) await rm(beside, { force: true })
}

/** Removes the logs of operations that are known no more: a worker died before it could. */
export async function removeStrayLogs(config: Config, known: ReadonlySet<string>): Promise<void> {
  const names = await readdir(operationsDirectory(config)).catch(orMissing([]))
  const ids = names.flatMap((name) => /^(.+)\.log$/.exec(name)?.[1] ?? [])
  for (const id of ids)
    if (!known.has(id))
      await rm(operationFiles(config, id).log, { force: true }).catch((error: unknown) => {
        log.warn(
          { operation: id, error: messageOf(error) },
          'the log of an operation that is forgotten stays on the disk',
        )
      })
}

/**
 * Removes source trees that no pending operation will build: their push or their worker died at the wrong moment. What cannot
 * be removed is told and stays: it is no reason not to start.
 */
export async function removeStraySources(config: Config, pending: ReadonlySet<string>): Promise<void> {
  const names = await readdir(operationsDirectory(config)).catch(orMissing([]))
  const ids = names.flatMap((name) => /^(.+)\.src(\.index|\.id)?$/.exec(name)?.[1] ?? [])
  for (const id of new Set(ids))
    if (!pending.has(id))
      await removeSource(config, id).catch((error: unknown) => {
        log.warn({ operation: id, error: messageOf(error) }, 'a source tree that no operation needs stays on the disk')
      })
}
