import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerRecord } from '../containers/record.js'
import type { NetworkRecord } from '../networks/record.js'
import { parseSubnet } from '../kernel/ip.js'
import type { Digest } from '../records.js'
import { diskFile } from '../volumes/limited.js'
import type { VolumeRecord } from '../volumes/record.js'
import type { Findings } from './findings.js'
import { entriesOf, readRecord } from './reading.js'

const putBack = 'put back a copy of it'

const networkFields = {
  id: 'string',
  name: 'string',
  created: 'string',
  driver: 'string',
  subnet: 'string',
  options: 'object',
} as const

/** Checks the networks' records. Answers with names by id. */
export async function checkNetworks(root: string, findings: Findings): Promise<ReadonlyMap<string, string>> {
  const place = join(root, 'networks')
  const found = new Map<string, string>()
  for (const { name: file } of await entriesOf(place)) {
    const path = join(place, file)
    const [, id] = /^([0-9a-f]{64})\.json$/.exec(file) ?? []
    if (id === undefined) {
      findings.leftover(path, 'a record that was never finished')
      continue
    }
    const read = await readRecord<NetworkRecord>(path, networkFields)
    if (!read) continue
    findings.count.networks++
    const wrong = 'fault' in read ? read.fault : wrongNetwork(read.record, id, found)
    if (wrong === undefined && 'record' in read) found.set(id, read.record.name)
    else
      findings.damage(
        `network ${'record' in read ? read.record.name : id}`,
        `its record ${path} is damaged: ${wrong ?? ''}`,
        `${putBack}, or remove it and create the network again`,
      )
  }
  return found
}

function wrongNetwork(
  { id, name, driver, subnet }: NetworkRecord,
  file: string,
  others: ReadonlyMap<string, string>,
): string | undefined {
  if (id !== file) return `it is the record of ${id}`
  if (driver === 'bridge' && !parseSubnet(subnet)) return `its subnet "${subnet}" is none`
  return [...others.values()].includes(name) ? `another network is called ${name} too` : undefined
}

const volumeFields = {
  name: 'string',
  createdAt: 'string',
  labels: 'object',
  options: 'object',
  anonymous: 'boolean',
} as const

/** Checks the volumes' records and that their content is there. Answers with the names. */
export async function checkVolumes(root: string, findings: Findings): Promise<ReadonlySet<string>> {
  const place = join(root, 'volumes')
  const found = new Set<string>()
  for (const entry of await entriesOf(place)) {
    const { name } = entry
    const path = join(place, name)
    if (name.startsWith('.')) {
      findings.leftover(path, 'half a volume, made or removed')
      continue
    }
    const read = await readRecord<VolumeRecord>(join(path, 'volume.json'), volumeFields)
    if (!read) {
      if (existsSync(path))
        findings.leftover(path, 'it has no volume.json, so it is no volume', 'look at what it holds, and remove it')
      continue
    }
    findings.count.volumes++
    const fault =
      'fault' in read ? read.fault : read.record.name === name ? undefined : `it is that of ${read.record.name}`
    if (fault !== undefined)
      findings.damage(
        `volume ${name}`,
        `its record ${join(path, 'volume.json')} is damaged: ${fault}`,
        `${putBack}: what the volume holds is in ${join(path, '_data')}`,
      )
    else if (!existsSync(join(path, '_data')))
      findings.damage(
        `volume ${name}`,
        `its content ${join(path, '_data')} is gone`,
        'put back a backup of it, or remove the volume',
      )
    found.add(name)
    for (const { name: other } of await entriesOf(path))
      if (other === 'copied') findings.leftover(join(path, other), 'what is to be moved into the volume')
      else if (!['volume.json', '_data', diskFile].includes(other))
        findings.leftover(join(path, other), 'nothing refers to it')
  }
  return found
}

/** What containers refer to. */
export interface Surroundings {
  readonly images: ReadonlyMap<Digest, unknown>
  readonly volumes: ReadonlySet<string>
  readonly networks: ReadonlyMap<string, string>
}

const containerFields = {
  id: 'string',
  name: 'string',
  created: 'string',
  image: 'string',
  config: 'object',
  hostConfig: 'object',
  mounts: 'array',
  networks: 'array',
  endpoints: 'array',
  ports: 'array',
  state: 'object',
  'state.status': 'string',
} as const

const beside = ['container.json', 'container.json.synced', 'upper', 'work', 'hosts', 'hostname', 'resolv.conf']

/** Checks the containers' records, what they refer to, and that their files are there. */
export async function checkContainers(root: string, around: Surroundings, findings: Findings): Promise<void> {
  const place = join(root, 'containers')
  for (const { name: id } of await entriesOf(place)) {
    const path = join(place, id)
    const latest = await readRecord<ContainerRecord>(join(path, 'container.json'), containerFields)
    // a note that a power cut has torn: the engine goes on from what was synced before
    const synced =
      latest &&
      'fault' in latest &&
      (await readRecord<ContainerRecord>(join(path, 'container.json.synced'), containerFields))
    const read = synced && 'record' in synced ? synced : latest
    if (!read) {
      if (existsSync(path)) findings.leftover(path, 'a container that was never finished, or never quite removed')
      continue
    }
    findings.count.containers++
    if ('fault' in read) {
      findings.damage(
        `container ${id.slice(0, 12)}`,
        `its record ${join(path, 'container.json')} is damaged: ${read.fault}`,
        `${putBack}; what it wrote is in ${join(path, 'upper')}`,
      )
      continue
    }
    const { record } = read
    const what = `container ${record.name}`
    if (record.id !== id) findings.damage(what, `its record ${path} is that of ${record.id}`, putBack)
    if (!around.images.has(record.image))
      findings.damage(
        what,
        `its image ${record.image} is not here`,
        `pull, load or build ${record.config.Image} again, or remove the container`,
      )
    for (const { type, name } of record.mounts)
      if (type === 'volume' && !around.volumes.has(name))
        findings.damage(what, `its volume ${name} is not here`, 'put it back, or remove the container')
    for (const { networkId, networkName } of record.endpoints)
      if (!around.networks.has(networkId))
        findings.damage(what, `its network ${networkName} is not here`, 'restart it on a network that is')
    for (const own of ['upper', 'work'])
      if (!existsSync(join(path, own)) && existsSync(join(path, 'container.json')))
        findings.damage(what, `its ${join(path, own)} is gone`, 'remove the container: what it wrote is lost')
    for (const { name } of await entriesOf(path))
      if (!beside.includes(name) && !/^log(\.(\d+|full))?$/.test(name))
        findings.leftover(join(path, name), 'nothing refers to it')
  }
}
