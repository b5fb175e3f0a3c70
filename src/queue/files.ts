import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'

/** Where the files of one deploy lie. */
export interface DeployFiles {
  /** Append-only UTF-8 text; kept as long as the app. */
  readonly log: string
  /** The pushed tree; gone when the deploy is over. */
  readonly source: string
}

export const deploysDirectory = (config: Config): string => join(config.root, 'deploys')

export function deployFiles(config: Config, id: string): DeployFiles {
  const base = join(deploysDirectory(config), id)
  return { log: `${base}.log`, source: `${base}.src` }
}

export const removeSource = (config: Config, id: string): Promise<void> =>
  rm(deployFiles(config, id).source, { recursive: true, force: true })

/** Removes source trees that no pending deploy will build: their push or their worker died at the wrong moment. */
export async function removeStraySources(config: Config, pending: ReadonlySet<string>): Promise<void> {
  const names = await readdir(deploysDirectory(config)).catch(() => [])
  const stray = names.filter((name) => name.endsWith('.src') && !pending.has(name.slice(0, -'.src'.length)))
  for (const name of stray) await rm(join(deploysDirectory(config), name), { recursive: true, force: true })
}
