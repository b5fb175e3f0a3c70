import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import { readDocument } from '../oci/document.js'
import type { Digest } from '../records.js'
import type { Findings } from './findings.js'
import { entriesOf, isObject, readJsonFile } from './reading.js'

/** The images of a root directory, as far as they can be read. */
export interface FoundImages {
  /** Diff ids by image. */
  readonly layers: ReadonlyMap<Digest, readonly Digest[]>
  /** Names by image, those by digest too. */
  readonly names: ReadonlyMap<Digest, readonly string[]>
}

const again = 'pull, load or build it again'

/** What an image is called: its first name, or its id. */
export const nameOf = ({ names }: FoundImages, id: Digest): string => names.get(id)?.[0] ?? id

/** Checks configurations against their digests and their layers, and names against images. */
export async function checkImages(root: string, has: ReadonlySet<Digest>, findings: Findings): Promise<FoundImages> {
  const images = join(root, 'images')
  const layers = new Map<Digest, readonly Digest[]>()
  const broken = new Set<Digest>()
  const names = new Map<Digest, string[]>()
  const tables: [file: string, table: ReadonlyMap<string, string>][] = []
  for (const file of ['references.json', 'digests.json'])
    tables.push([file, await readNames(join(images, file), findings)])
  for (const [, table] of tables) for (const [name, id] of table) names.set(id, [...(names.get(id) ?? []), name])

  for (const { name } of await entriesOf(join(images, 'configs'))) {
    const path = join(images, 'configs', name)
    if (!/^[0-9a-f]{64}$/.test(name)) {
      findings.leftover(path, 'it is no image configuration, or one that was never named')
      continue
    }
    const id = `sha256:${name}`
    const what = `image ${nameOf({ layers, names }, id)}`
    findings.count.images++
    try {
      layers.set(id, await readLayers(path, name))
    } catch (error) {
      findings.damage(what, messageOf(error), again)
      broken.add(id)
      continue
    }
    for (const diffId of new Set(layers.get(id)))
      if (!has.has(diffId)) findings.damage(what, `its layer ${diffId} is not here`, again)
  }
  for (const [file, table] of tables)
    for (const [name, id] of table)
      if (!layers.has(id) && !broken.has(id))
        findings.damage(
          `name ${name}`,
          `${file} gives it to the image ${id}, which is not here`,
          `pull or tag ${name} again`,
        )
  await checkKnownBlobs(join(images, 'travels.json'), findings)
  for (const { name } of await entriesOf(images))
    if (!['configs', 'layers', 'staging', 'references.json', 'digests.json', 'travels.json'].includes(name))
      findings.leftover(join(images, name), 'nothing refers to it')
  return { layers, names }
}

/** The layers that a configuration names. @throws Error saying what is wrong with it */
async function readLayers(path: string, hex: string): Promise<readonly Digest[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new Error(`its configuration cannot be read: ${messageOf(error)}`)
  })
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (digest !== hex) throw new Error(`its configuration ${path} is damaged: its digest is sha256:${digest}`)
  return readDocument(bytes).rootfs.diff_ids
}

async function checkKnownBlobs(path: string, findings: Findings): Promise<void> {
  const knownBlobs = await readJsonFile(path)
  if (knownBlobs && ('fault' in knownBlobs || !Array.isArray(knownBlobs.value)))
    findings.damage(
      `record ${path}`,
      'fault' in knownBlobs ? knownBlobs.fault : 'it is not a list',
      'remove it: the next push asks the registry for what it has',
    )
}

async function readNames(path: string, findings: Findings): Promise<ReadonlyMap<string, string>> {
  const read = await readJsonFile(path)
  if (!read) return new Map()
  const remedy = 'put back a copy of it; without it images are there, but have no names'
  if ('fault' in read || !isObject(read.value)) {
    findings.damage(`record ${path}`, 'fault' in read ? read.fault : 'it is not an object', remedy)
    return new Map()
  }
  const pairs = Object.entries(read.value).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string' && /^sha256:[0-9a-f]{64}$/.test(pair[1]),
  )
  if (pairs.length < Object.keys(read.value).length) findings.damage(`record ${path}`, 'a name means no digest', remedy)
  return new Map(pairs)
}
