import { mkdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path/posix'
import type { LayerDraft as LayerStage } from '../images/layers.js'
import type { FileSelection } from '../images/selection.js'
import type { Mount, StepSecret } from '../records.js'
import { removeIfPossible } from '../system/remove.js'
import type { RunInstruction } from './instructions.js'
import type { Job } from './job.js'
import type { RunMount } from './mounts.js'
import type { Scope } from './scope.js'
import type { StageState } from './state.js'

/** A mount of one RUN, its variables replaced: as JSON it is part of the step's key. */
export interface WantedMount extends RunMount {
  /** Digest of what a bind shows; '' for others, whose content does not decide what a step makes. */
  readonly digest: string
}

/** Replaces variables in a RUN's mounts and digests what they bind. @throws DockerfileError */
export async function readMounts(
  job: Job,
  instruction: RunInstruction,
  state: StageState,
  scope: Scope,
): Promise<WantedMount[]> {
  const wanted: WantedMount[] = []
  for (const mount of instruction.mounts) {
    const expand = (text: string): string => scope.word({ text, offset: mount.offset })
    const target = expand(mount.target)
    const absolute = isAbsolute(target) ? join(target) : join('/', state.config.WorkingDir ?? '/', target)
    const full: RunMount = {
      ...mount,
      target: target === '' ? '' : absolute,
      source: expand(mount.source),
      id: mount.id === undefined ? undefined : expand(mount.id),
      from: mount.from === undefined ? undefined : expand(mount.from),
    }
    if (full.target === '/') throw instruction.line.error(mount.offset, 'invalid mount target "/"')
    const digest = mount.type === 'bind' ? await digestOf(job, instruction, full) : ''
    wanted.push({ ...full, digest })
  }
  return wanted
}

/** The secrets and agents of a RUN. @throws DockerfileError when a required one was not given */
export function secretsOf(job: Job, { line }: RunInstruction, wanted: readonly WantedMount[]): StepSecret[] {
  return wanted.flatMap((mount): StepSecret[] => {
    const { type, id = '', target, mode, uid, gid, env } = mount
    if (type !== 'secret' && type !== 'ssh') return []
    const content = type === 'secret' ? job.request.secrets.get(id) : undefined
    const socket = type === 'ssh' ? job.request.agents.get(id) : undefined
    if (content) {
      const file: StepSecret = { kind: 'file', target, content, mode: mode ?? 0o400, uid, gid }
      const variable: StepSecret[] = env === undefined ? [] : [{ kind: 'env', name: env, value: content }]
      return target === '' ? variable : [file, ...variable]
    }
    if (socket !== undefined) return [{ kind: 'agent', target, socket, mode: mode ?? 0o600, uid, gid }]
    if (!mount.required) return []
    throw line.error(
      mount.offset,
      type === 'secret' ? `secret ${id}: not found` : `no SSH key "${id}" forwarded from the client`,
    )
  })
}

/** Makes the mounts of a RUN ready. Disposing gives the caches back; `scratch` holds copies and goes with its owner. */
export async function prepareMounts(
  job: Job,
  instruction: RunInstruction,
  wanted: readonly WantedMount[],
  scratch: LayerStage,
): Promise<{ mounts: readonly Mount[] } & AsyncDisposable> {
  const given = new AsyncDisposableStack()
  const mounts: Mount[] = []
  try {
    for (const mount of wanted) {
      const { target } = mount
      if (mount.type !== 'tmpfs') continue
      const size = mount.size === undefined ? [] : [`size=${String(mount.size)}`]
      mounts.push({ type: 'tmpfs', source: 'tmpfs', target, options: ['nosuid', 'nodev', 'mode=1777', ...size] })
    }
    mounts.push(...(await mountCaches(job, instruction, wanted, given)))
    for (const [index, mount] of wanted.entries()) {
      if (mount.type !== 'bind') continue
      const source = await boundDirectory(job, instruction, mount, join(scratch.upper, String(index)))
      mounts.push({ type: 'bind', source, target: mount.target, options: ['bind', accessOf(mount)] })
    }
  } catch (error) {
    await given[Symbol.asyncDispose]()
    throw error
  }
  return { mounts, [Symbol.asyncDispose]: () => given[Symbol.asyncDispose]() }
}

const accessOf = ({ readonly }: RunMount): string => (readonly ? 'ro' : 'rw')

/** Locked caches are waited for in one order everywhere: two steps never hold what the other waits for. */
async function mountCaches(
  job: Job,
  instruction: RunInstruction,
  wanted: readonly WantedMount[],
  given: AsyncDisposableStack,
): Promise<Mount[]> {
  const nameOf = ({ id, target }: WantedMount): string => id ?? target
  const caches = wanted.filter(({ type }) => type === 'cache')
  const mounted = new Map<string, string>()
  for (const mount of caches.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const name = nameOf(mount)
    if (mounted.has(name)) continue
    const seed = (directory: string): Promise<void> => seedCache(job, instruction, mount, directory)
    const cache = await job.mounts.mount({ id: name, owner: job.request.owner }, mount, job.signal, seed)
    given.use(cache)
    mounted.set(name, cache.directory)
  }
  return caches.map((mount) => ({
    type: 'bind',
    source: mounted.get(nameOf(mount)) ?? '',
    target: mount.target,
    options: ['bind', accessOf(mount)],
  }))
}

/** What `from=` and `source=` name is what a new cache begins with. */
async function seedCache(job: Job, instruction: RunInstruction, mount: WantedMount, directory: string): Promise<void> {
  if (mount.from === undefined) return
  try {
    const { layers } = await sourcesOf(job, instruction, mount)
    const task = { layers, patterns: [mount.source], inline: [], lowers: [], upper: directory, target: '/' }
    await job.store.pool.run('copyFiles', task)
  } catch (error) {
    await removeIfPossible(directory, 'a cache directory that was never finished')
    throw error
  }
}

/** What a bind mount shows: the directory itself when that is all it shows and nobody writes to it, else a copy. */
async function boundDirectory(
  job: Job,
  instruction: RunInstruction,
  mount: WantedMount,
  copy: string,
): Promise<string> {
  const sources = await sourcesOf(job, instruction, mount)
  const { path, kind } = await job.store.pool.run('look', { ...sources, path: mount.source })
  const [only, ...others] = sources.layers
  const { own, hides } = job.request.context
  const whole = mount.from !== undefined || (own && !hides)
  if (mount.readonly && whole && others.length === 0 && only !== undefined) return path === '/' ? only : only + path
  await mkdir(copy)
  const target = kind === 'directory' ? '/' : '/file'
  // a context that is sent is root's
  const chown = mount.from === undefined && !own ? { chown: '0:0' } : {}
  const task = { ...sources, ...chown, patterns: [path], inline: [], lowers: [], upper: copy, target }
  await job.store.pool.run('copyFiles', task)
  return kind === 'directory' ? copy : join(copy, 'file')
}

async function digestOf(job: Job, instruction: RunInstruction, mount: RunMount): Promise<string> {
  const sources = await sourcesOf(job, instruction, mount)
  const { kind } = await job.store.pool.run('look', { ...sources, path: mount.source })
  if (kind === 'nothing')
    throw instruction.line.error(mount.offset, `bind mount source "${mount.source}": file does not exist`)
  const selection = { ...sources, patterns: [mount.source] }
  const read = (): Promise<string> => job.store.pool.run('digest', selection)
  return mount.from === undefined ? read() : job.cache.digests.of(selection, read)
}

async function sourcesOf(
  job: Job,
  { line }: RunInstruction,
  { from, offset }: RunMount,
): Promise<Pick<FileSelection, 'layers' | 'known'>> {
  const { directory, indexFile } = job.request.context
  if (from === undefined) return { layers: [directory], known: indexFile }
  const stage = job.stage(from)
  const layers = stage ? (await stage).layers : (await job.image(from)).layers
  if (layers.length === 0) throw line.error(offset, `from=${from} is empty: there is nothing to mount`)
  return { layers: job.directories(layers) }
}
