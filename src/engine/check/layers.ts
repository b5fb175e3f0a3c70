import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import type { JobPool } from '../images/job-pool.js'
import type { Digest } from '../records.js'
import type { Findings } from './findings.js'
import { entriesOf, readRecord } from './reading.js'

/** The layers of a root directory that have a record: bytes of files by diff id. */
export async function findLayers(root: string, findings: Findings): Promise<ReadonlyMap<Digest, number>> {
  const place = join(root, 'images', 'layers')
  const entries = await entriesOf(place)
  const directories = new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name))
  const found = new Map<Digest, number>()
  for (const { name } of entries) {
    const [, hex = '', kind = ''] = /^([0-9a-f]{64})(|\.json|\.recipe|\.copies)$/.exec(name) ?? []
    if (hex === '') findings.leftover(join(place, name), 'it is no layer')
    else if (kind === '.json') await look(hex)
    else if (!existsSync(join(place, `${hex}.json`)))
      findings.leftover(join(place, name), 'it is part of a layer that was never finished, or never quite removed')
  }
  for (const { name } of await entriesOf(join(root, 'images', 'staging')))
    findings.leftover(join(root, 'images', 'staging', name), 'a layer in the making that was given up')
  findings.count.layers = found.size
  return found

  async function look(hex: string): Promise<void> {
    const path = join(place, `${hex}.json`)
    const read = await readRecord<{ diffId: string; size: number }>(path, { diffId: 'string', size: 'number' })
    if (!read) return // it has just been removed
    if ('fault' in read)
      findings.damage(`layer sha256:${hex}`, `its record ${path} is damaged: ${read.fault}`, losing(hex))
    else if (read.record.diffId !== `sha256:${hex}`)
      findings.damage(`layer sha256:${hex}`, `its record ${path} is that of ${read.record.diffId}`, losing(hex))
    else if (!directories.has(hex))
      findings.damage(`layer sha256:${hex}`, 'its files are gone', 'pull, load or build again what is made of it')
    else found.set(read.record.diffId, read.record.size)
  }
}

const losing = (hex: string): string =>
  `pull, load or build again what is made of it, before the engine starts next: it would drop ${hex.slice(0, 12)}`

/**
 * Makes the archive of each layer again, on threads of their own, and compares it with the layer's name.
 * @param users what is made of a layer, as people call it
 * @param tell how many are done
 */
export async function verifyLayers(
  root: string,
  layers: ReadonlyMap<Digest, number>,
  pool: JobPool,
  users: (diffId: Digest) => readonly string[],
  findings: Findings,
  tell: (done: number, bytes: number) => void,
): Promise<void> {
  let done = 0
  const verify = async (diffId: Digest, size: number): Promise<void> => {
    const directory = join(root, 'images', 'layers', diffId.slice('sha256:'.length))
    const recipe = `${directory}.recipe`
    const source = existsSync(recipe) ? { directory, recipe } : { directory }
    const problems = await pool.run('verify', { ...source, diffId, size }).catch((error: unknown) => [messageOf(error)])
    tell(++done, (findings.count.bytes += size))
    // it was removed while it was read: no engine touches one that it keeps
    if (problems.length === 0 || !existsSync(`${directory}.json`)) return
    const named = users(diffId)
    const remedy =
      named.length === 0
        ? 'nothing is made of it: `docker builder prune -a` takes it away'
        : `remove ${named.join(', ')}, and pull, load or build again`
    findings.damage(`layer ${diffId}`, problems.join('; '), remedy)
  }
  await Promise.all([...layers].map(([diffId, size]) => verify(diffId, size)))
}
