import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { JobPool } from '../images/job-pool.js'
import type { Digest } from '../records.js'
import { isLocked } from '../system/lock.js'
import { checkCache } from './cached.js'
import { type Count, type Finding, Findings } from './findings.js'
import { checkImages, type FoundImages, nameOf } from './images.js'
import { findLayers, verifyLayers } from './layers.js'
import { checkContainers, checkNetworks, checkVolumes } from './places.js'
import { entriesOf, isObject, readJsonFile } from './reading.js'

/** What a check of a root directory tells. */
export interface Report {
  readonly root: string
  /** An engine was at work there: leftovers were not looked for, what it is making looks like them. */
  readonly running: boolean
  readonly count: Count
  readonly findings: readonly Finding[]
}

/** How far a check is: layers and bytes, of how many. */
export type CheckProgress = (done: number, layers: number, bytes: number, all: number) => void

interface Look {
  readonly findings: Findings
  readonly layers: ReadonlyMap<Digest, number>
  readonly images: FoundImages
}

/**
 * Verifies everything in an engine's root directory: each blob against its digest, each layer against its diff id, each
 * record against what it refers to. Writes nothing, and may be run while the engine does: what is found then is looked at
 * a second time, so that nothing that only just came or went is taken for damage.
 * @throws EngineError `missing` when it is no root directory of an engine
 */
export async function check(root: string, tell: CheckProgress = () => undefined): Promise<Report> {
  if (!['images', 'containers', 'networks'].some((room) => existsSync(join(root, room))))
    throw new EngineError('missing', `there is no engine in ${root}: name its --root`)
  const running = isLocked(root)
  const { findings, layers, images } = await look(root)
  const all = [...layers.values()].reduce((sum, size) => sum + size, 0)
  await using pool = new JobPool()
  const users = (diffId: Digest): string[] =>
    [...images.layers].flatMap(([id, diffIds]) => (diffIds.includes(diffId) ? [nameOf(images, id)] : []))
  const ofLayers = new Findings()
  await verifyLayers(root, layers, pool, users, ofLayers, (done, bytes) => tell(done, layers.size, bytes, all))
  findings.count.bytes = ofLayers.count.bytes
  const found = [...findings.all, ...ofLayers.all]
  if (!running && !isLocked(root)) return { root, running, count: findings.count, findings: found }
  const again = new Set((await look(root)).findings.all.map(({ what, problem }) => `${what} ${problem}`))
  return {
    root,
    running: true,
    count: findings.count,
    findings: found.filter(
      (one) => one.kind === 'damage' && (ofLayers.all.includes(one) || again.has(`${one.what} ${one.problem}`)),
    ),
  }
}

/** One look at everything but the files of layers: what an engine at work is making looks like leftovers. */
export async function look(root: string): Promise<Look> {
  const findings = new Findings()
  const layers = await findLayers(root, findings)
  const has = new Set(layers.keys())
  const images = await checkImages(root, has, findings)
  const cached = await checkCache(root, has, findings)
  const [networks, volumes] = [await checkNetworks(root, findings), await checkVolumes(root, findings)]
  await checkContainers(root, { images: images.layers, networks, volumes }, findings)
  const needed = new Set([...images.layers.values()].flat())
  for (const diffId of has)
    if (!needed.has(diffId) && !cached.has(diffId))
      findings.leftover(
        join(root, 'images', 'layers', diffId.slice('sha256:'.length)),
        'no image and no record of the build cache has this layer',
      )
  await checkTop(root, findings)
  return { findings, layers, images }
}

const known = [
  'images',
  'containers',
  'networks',
  'volumes',
  'build',
  'cache',
  'engine-id',
  'engine.lock',
  'userns.json',
  'lost+found', // the file system's own, where it is the engine's alone
]

async function checkTop(root: string, findings: Findings): Promise<void> {
  for (const { name } of await entriesOf(root))
    if (!known.includes(name))
      findings.leftover(join(root, name), 'nothing refers to it', 'look at what it is, and remove it')
  const path = join(root, 'userns.json')
  const ids = await readJsonFile(path)
  if (!ids) return
  const fault = 'fault' in ids ? ids.fault : isObject(ids.value) ? undefined : 'it is not an object'
  if (fault !== undefined)
    findings.damage(`record ${path}`, fault, 'remove it while no container runs: ranges of ids are given anew')
}
