import { join } from 'node:path'
import type { Digest } from '../records.js'
import type { Findings } from './findings.js'
import { entriesOf, readRecord } from './reading.js'

const rebuilt = 'nothing: the engine drops it when it starts, and the next build makes it again'

/** Checks the build cache. Answers with the layers that its records name. */
export async function checkCache(
  root: string,
  has: ReadonlySet<Digest>,
  findings: Findings,
): Promise<ReadonlySet<Digest>> {
  const place = join(root, 'build', 'cache')
  const layers = new Set<Digest>()
  for (const { name: key } of await entriesOf(place)) {
    const path = join(place, key)
    if (!/^[0-9a-f]{64}$/.test(key)) {
      findings.leftover(path, 'it is no record of the build cache')
      continue
    }
    const read = await readRecord<{ layer: Digest }>(path, { layer: 'string', created: 'string' })
    if (!read) continue
    findings.count.cached++
    if ('fault' in read) {
      findings.damage(`build cache record ${key.slice(0, 12)}`, `${path} is damaged: ${read.fault}`, rebuilt)
      continue
    }
    const { layer } = read.record
    if (!has.has(layer))
      findings.damage(`build cache record ${key.slice(0, 12)}`, `its layer ${layer} is not here`, rebuilt)
    layers.add(layer)
  }
  await checkMounts(join(root, 'build', 'mounts'), findings)
  for (const { name } of await entriesOf(join(root, 'build', 'contexts')))
    if (!/^\d+-\d+$/.test(name))
      findings.leftover(
        join(root, 'build', 'contexts', name),
        'what is known of a directory was never written to its end',
      )
  for (const { name } of await entriesOf(join(root, 'build')))
    if (!['cache', 'mounts', 'contexts', 'laid'].includes(name))
      findings.leftover(join(root, 'build', name), 'nothing refers to it')
  return layers
}

/** The directories of `RUN --mount=type=cache`. */
async function checkMounts(place: string, findings: Findings): Promise<void> {
  const entries = await entriesOf(place)
  const names = new Set(entries.map(({ name }) => name))
  for (const { name } of entries) {
    const path = join(place, name)
    const [, hash, record] = /^([0-9a-f]{32})(\.json)?$/.exec(name) ?? []
    if (hash === undefined)
      findings.leftover(path, 'a cache directory that was lent to one step, or never quite removed')
    else if (record !== undefined) {
      if (!names.has(hash)) findings.leftover(path, 'its cache directory is gone')
      const read = await readRecord(path, { id: 'string', created: 'number' })
      if (read && 'fault' in read)
        findings.damage(
          `cache mount ${hash}`,
          `${path} is damaged: ${read.fault}`,
          'nothing: it is the first to go when room is needed',
        )
    } else findings.count.cached++
  }
}
