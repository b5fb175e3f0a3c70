import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { deserialize, serialize } from 'node:v8'
import type { Digests } from './scan.js'

/** Directories that are remembered; those built longest ago are forgotten. */
const most = 64

/** What the last build of a directory of this machine knew of its files. Losing it costs a reading of them. */
export function recall(path: string): Digests {
  try {
    const known: unknown = deserialize(readFileSync(path))
    return known instanceof Map ? (known as Digests) : new Map<string, string>()
  } catch {
    return new Map() // the first build, or torn by a power cut
  }
}

/** Keeps it for the next build, in another process perhaps. */
export function remember(path: string, digests: Digests): void {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const draft = `${path}.${String(threadId)}.tmp`
  writeFileSync(draft, serialize(digests))
  renameSync(draft, path)
  const all = readdirSync(directory)
  if (all.length <= most) return
  const ages = all.map((name) => ({
    name,
    age: statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }))
  for (const { name } of ages.toSorted((a, b) => a.age - b.age).slice(0, all.length - most))
    rmSync(join(directory, name), { force: true })
}
