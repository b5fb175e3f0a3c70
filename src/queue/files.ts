import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'

/** Where the files of one deploy lie. */
export interface DeployFiles {
  /** Append-only UTF-8 text; kept as long as the app. */
  readonly log: string
  /** The pushed tree; when the deploy is over it is the app's last. */
  readonly source: string
}

export const deploysDirectory = (config: Config): string => join(config.root, 'deploys')

export function deployFiles(config: Config, id: string): DeployFiles {
  const base = join(deploysDirectory(config), id)
  return { log: `${base}.log`, source: `${base}.src` }
}

/** The index that git keeps of a tree: by it the next commit's is made from this one's. */
export const indexOf = (tree: string): string => `${tree}.index`

/**
 * The tree of an app's last deploy: what has not changed since is neither written nor read again, nor stored in another
 * layer. Whoever writes the next one takes it away.
 */
export const lastTree = (config: Config, app: string): string => join(deploysDirectory(config), `${app}.tree`)

export const removeSource = (config: Config, id: string): Promise<void> => removeTree(deployFiles(config, id).source)

/** Keeps the tree of a deploy that is over for the next one of its app. */
export async function keepSource(config: Config, id: string, app: string): Promise<void> {
  await removeTree(lastTree(config, app))
  // without its tree an index is nothing, and without its index a tree is written anew
  await moveTree(deployFiles(config, id).source, lastTree(config, app)).catch(() => removeSource(config, id))
}

/** @throws when there is none, or a part of it only */
export async function moveTree(from: string, to: string): Promise<void> {
  await rename(from, to)
  await rename(indexOf(from), indexOf(to))
}

export async function removeTree(tree: string): Promise<void> {
  await rm(tree, { recursive: true, force: true })
  await rm(indexOf(tree), { force: true })
}

/** Removes source trees that no pending deploy will build: their push or their worker died at the wrong moment. */
export async function removeStraySources(config: Config, pending: ReadonlySet<string>): Promise<void> {
  const names = await readdir(deploysDirectory(config)).catch(() => [])
  const ids = names.flatMap((name) => /^(.+)\.src(\.index)?$/.exec(name)?.[1] ?? [])
  for (const id of new Set(ids)) if (!pending.has(id)) await removeSource(config, id)
}
