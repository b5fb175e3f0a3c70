import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { orMissing, readIfThere } from '../lib/missing.js'
import { git } from './git.js'
import { flush, packetAt, pkt } from './pkt-line.js'

/** More refs than this are left to git. */
const mostRefs = 500
/** `transfer.hideRefs` in repository.ts. */
const hidden = 'refs/internal/'
const zero = '0'.repeat(40)

/**
 * What git-receive-pack(1) says before a push: every ref and where it is, and what it can do (gitprotocol-pack(5), "Reference
 * Discovery"). Only the api process moves refs, and git says the same of itself each time: it is asked once, and not started for
 * each push to read two files.
 */
export class Advertisement {
  #abilities: Promise<string | null> | null = null

  /** The answer to `GET info/refs`; null where git is to give it. */
  async of(repository: string): Promise<Buffer | null> {
    const [abilities, refs] = await Promise.all([this.#ask(repository), readRefs(repository)])
    if (abilities === null || refs === null) return null
    const lines = refs.size === 0 ? [`${zero} capabilities^{}`] : [...refs].map(([name, commit]) => `${commit} ${name}`)
    const packets = lines.map((line, at) => pkt(`${line}${at === 0 ? `\0${abilities}` : ''}\n`))
    return Buffer.concat([pkt('# service=git-receive-pack\n'), flush, ...packets, flush])
  }

  #ask(repository: string): Promise<string | null> {
    return (this.#abilities ??= askGit(repository).then((abilities) => {
      if (abilities === null) this.#abilities = null // perhaps this repository is damaged: another is asked next time
      return abilities
    }))
  }
}

/** What git can do, in its own words. */
async function askGit(repository: string): Promise<string | null> {
  const args = ['receive-pack', '--stateless-rpc', '--advertise-refs', repository]
  const { code, stdout } = await git(repository, args).catch(() => ({ code: null, stdout: '' }))
  const first = code === 0 ? (packetAt(Buffer.from(stdout), 0)?.payload?.toString() ?? '') : ''
  return /\0(.+)\n/.exec(first)?.[1] ?? null
}

/** In git's order, that of their bytes. Null for what is not plainly a ref. */
async function readRefs(repository: string): Promise<ReadonlyMap<string, string> | null> {
  const entries = await readdir(join(repository, 'refs'), { recursive: true, withFileTypes: true }).catch(orMissing([]))
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.endsWith('.lock'))
  if (files.length > mostRefs) return null
  const names = files.map(({ parentPath, name }) => relative(repository, join(parentPath, name)))
  // as git does it: one that is packed meanwhile is then found there
  const loose = await Promise.all(names.map(async (name) => [name, await readIfThere(join(repository, name))] as const))
  const refs = parsePacked((await readIfThere(join(repository, 'packed-refs'))) ?? '')
  for (const [name, text] of loose) {
    if (text === null) continue // it has gone, or is packed
    const [, commit] = /^([0-9a-f]{40})\n$/.exec(text) ?? []
    if (commit === undefined) return null
    refs.set(name, commit)
  }
  const shown = [...refs].filter(([name]) => !name.startsWith(hidden))
  return shown.length > mostRefs
    ? null
    : new Map(shown.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

/** git-pack-refs(1): `<commit> <name>`, after a line that says how, and each tag before what it is of. */
function parsePacked(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => /^([0-9a-f]{40}) (refs\/.+)$/.exec(line))
  return new Map(lines.flatMap((line) => (line ? [[line[2] ?? '', line[1] ?? ''] as const] : [])))
}
