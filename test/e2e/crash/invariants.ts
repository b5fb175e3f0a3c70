import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { look } from '../../../src/engine/check/check.js'
import type { TestEngine } from '../engine/harness.js'
import { filled } from './script.js'

/** Everything an engine says it has, as the ledger names it; and the first processes of what runs. */
export async function inventory(docker: Docker): Promise<{ things: Set<string>; pids: Map<string, number> }> {
  const things = new Set<string>()
  const pids = new Map<string, number>()
  for (const { RepoTags } of await docker.listImages()) for (const tag of RepoTags ?? []) things.add(`image ${tag}`)
  for (const { Name } of await docker.listNetworks()) things.add(`network ${Name}`)
  for (const { Name } of (await docker.listVolumes()).Volumes)
    if (!/^[0-9a-f]{64}$/.test(Name)) things.add(`volume ${Name}`)
  for (const { Id, Names, State, Status, NetworkSettings } of await docker.listContainers({ all: true })) {
    const name = (Names[0] ?? '').slice(1)
    things.add(`container ${name}`)
    const [, code] = /^Exited \((\d+)\)/.exec(Status) ?? []
    if (name.startsWith('end-') && code !== undefined) things.add(`exit ${name} ${code}`)
    if (name.startsWith('note-'))
      for (const network of Object.keys(NetworkSettings.Networks)) things.add(`member ${name} ${network}`)
    if (State !== 'running') continue
    things.add(`running ${name}`)
    pids.set(name, (await docker.getContainer(Id).inspect()).State.Pid)
  }
  return { things, pids }
}

/** Files below a directory and what is in them: enough to see that a copy is whole. */
export function measure(directory: string): string {
  let [files, bytes] = [0, 0]
  const digest = createHash('sha256')
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const place = join(directory, path)
    if (!lstatSync(place).isFile()) continue
    const content = readFileSync(place)
    files++
    bytes += content.length
    digest.update(`${path} ${content.length} `).update(content)
  }
  return `${files} files of ${bytes} bytes (${digest.digest('hex').slice(0, 8)})`
}

/** What is half-made or left over, as far as an engine with nothing to do can be asked without reading its layers. */
export async function unsound(engine: TestEngine, docker: Docker, whole: string): Promise<string[]> {
  const found = await look(join(engine.dir, 'root'))
  const wrong = found.findings.all.map(({ kind, what, problem }) => `${kind}: ${what}: ${problem}`)
  const containers = await docker.listContainers({ all: true })
  const running = new Set(containers.filter(({ State }) => State === 'running').map(({ Id }) => Id))
  for (const { Status, State, Names } of containers)
    if (State === 'dead' || Status.includes('Removal')) wrong.push(`${Names.join()} is half removed`)
  wrong.push(...(await strayVolumes(engine, docker, whole)), ...traces(engine, running))
  // an image without a name is what a build or a pull that was never answered left
  for (const { Id } of await docker.listImages({ filters: { dangling: ['true'] } })) wrong.push(`${Id} has no name`)
  return wrong
}

async function strayVolumes(engine: TestEngine, docker: Docker, whole: string): Promise<string[]> {
  const wrong: string[] = []
  const mounted = new Map<string, boolean>()
  for (const { Id } of await docker.listContainers({ all: true }))
    for (const { Name, Destination } of (await docker.getContainer(Id).inspect()).Mounts)
      if (Name !== undefined) mounted.set(Name, Destination === filled)
  for (const { Name } of (await docker.listVolumes()).Volumes) {
    if (/^[0-9a-f]{64}$/.test(Name) && !mounted.has(Name))
      wrong.push(`nobody has the volume ${Name}, which has no name`)
    if (!Name.startsWith('vol-')) continue
    const holds = measure(join(engine.dir, 'root/volumes', Name, '_data'))
    if (holds !== whole && (mounted.has(Name) || !holds.startsWith('0 files')))
      wrong.push(`volume ${Name} holds ${holds}, not ${whole}`)
  }
  return wrong
}

/** What the host has of the engine that belongs to none of the running containers. */
function traces(engine: TestEngine, running: ReadonlySet<string>): string[] {
  const wrong: string[] = []
  const { dir, name } = engine
  // the disk under it, and what is in memory, are the machine's
  const grounds = [join(dir, 'root'), join(dir, 'run'), '/run/berth-mounts/proc']
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n'))
    if (
      (line.includes(dir) || line.includes('/run/berth-mounts/')) &&
      !grounds.some((ground) => line.includes(` ${ground} `))
    )
      wrong.push(`mount ${line}`)
  const own = readFileSync(`/proc/${engine.pid()}/mountinfo`, 'utf8').split('\n')
  for (const place of own.map((line) => line.split(' ')[4] ?? ''))
    if (
      !grounds.includes(place) &&
      (place.startsWith('/run/berth-mounts/') ||
        (place.includes(dir) && ![...running].some((id) => place.includes(id))))
    )
      wrong.push(`mount ${place} of the engine's own`)

  for (const group of groups(name)) if (!running.has(group)) wrong.push(`control group ${group}`)
  for (const room of ['c', 'b', 'exits', 'runtime'])
    for (const id of namesIn(join(dir, 'run', room))) if (!running.has(id)) wrong.push(`file run/${room}/${id}`)
  for (const [pid, line] of commands())
    if (line.includes(dir) && pid !== engine.pid() && ![...running].some((id) => line.includes(id)))
      wrong.push(`process ${pid} ${line.slice(0, 300)}`)

  const prefix = createHash('sha256').update(name).digest('hex').slice(0, 4)
  const links = namesIn('/sys/class/net')
  const endpoints = networksOf(engine, running)
  const veths = links.filter((link) => link.startsWith(`bv${prefix}`)).length
  if (veths !== endpoints.length) wrong.push(`${veths} veths for ${endpoints.length} endpoints`)
  const bridges = links.filter((link) => link.startsWith(`bt${prefix}`)).length
  const networks = namesIn(join(dir, 'root/networks')).length
  if (bridges > networks) wrong.push(`${bridges} bridges for ${networks} networks`)
  return wrong
}

/** Networks of the running containers, one for each endpoint, as their records have them. */
function networksOf(engine: TestEngine, running: ReadonlySet<string>): string[] {
  return [...running].flatMap((id) => {
    const record = readFileSync(join(engine.dir, 'root/containers', id, 'container.json'), 'utf8')
    return (JSON.parse(record) as { endpoints: { networkId: string }[] }).endpoints.map(({ networkId }) => networkId)
  })
}

const namesIn = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : [])

/** Names of the engine's control groups, in whatever hierarchy. */
function groups(name: string): Set<string> {
  const roots = ['', ...namesIn('/sys/fs/cgroup')].map((one) => join('/sys/fs/cgroup', one, `berth-${name}`))
  return new Set(
    roots.flatMap((root) =>
      existsSync(root)
        ? readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
        : [],
    ),
  )
}

/** Command lines of all processes. */
function commands(): [pid: number, line: string][] {
  return readdirSync('/proc').flatMap((entry): [number, string][] => {
    if (!/^\d+$/.test(entry)) return []
    try {
      return [[Number(entry), readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')]]
    } catch {
      return []
    }
  })
}
