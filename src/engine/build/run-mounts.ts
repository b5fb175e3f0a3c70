import { mkdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path/posix'
import type { Stage as LayerStage } from '../images/layers.js'
import type { Mount } from '../records.js'
import type { Run } from './instructions.js'
import type { Job } from './job.js'
import type { RunMount } from './mounts.js'
import type { Scope } from './scope.js'
import type { State } from './state.js'

/** A mount of one RUN, its variables replaced: as JSON it is part of the step's key. */
export interface WantedMount extends RunMount {
  /** Digest of what a bind shows; '' for others, whose content does not decide what a step makes. */
  readonly digest: string
}

/** Replaces variables in a RUN's mounts and digests what they bind. @throws DockerfileError */
export async function readMounts(job: Job, instruction: Run, state: State, scope: Scope): Promise<WantedMount[]> {
  const wanted: WantedMount[] = []
  for (const mount of instruction.mounts) {
    const expand = (text: string): string => scope.word({ text, offset: mount.offset })
    const target = expand(mount.target)
    const full: RunMount = {
      ...mount,
      target: isAbsolute(target) ? join(target) : join('/', state.config.WorkingDir ?? '/', target),
      source: expand(mount.source),
      id: mount.id === undefined ? undefined : expand(mount.id),
    }
    if (mount.type === 'cache' && mount.from !== undefined)
      throw instruction.line.error(mount.offset, 'from= is not supported for a cache mount')
    const digest = mount.type === 'bind' ? await digestOf(job, instruction, full) : ''
    wanted.push({ ...full, digest })
  }
  return wanted
}

/** Makes the mounts of a RUN ready. Disposing gives the caches back; `scratch` holds copies and goes with its owner. */
export async function prepareMounts(
  job: Job,
  instruction: Run,
  wanted: readonly WantedMount[],
  scratch: LayerStage,
): Promise<{ mounts: readonly Mount[] } & AsyncDisposable> {
  const given = new LentThings()
  const mounts: Mount[] = []
  try {
    for (const [index, mount] of wanted.entries()) {
      const { target } = mount
      if (mount.type === 'tmpfs') {
        const size = mount.size === undefined ? [] : [`size=${String(mount.size)}`]
        mounts.push({ type: 'tmpfs', source: 'tmpfs', target, options: ['nosuid', 'nodev', 'mode=1777', ...size] })
        continue
      }
      const access = mount.readonly ? 'ro' : 'rw'
      if (mount.type === 'cache') {
        const cache = await job.mounts.lend(mount.id ?? target, mount)
        given.use(cache)
        mounts.push({ type: 'bind', source: cache.directory, target, options: ['bind', access] })
        continue
      }
      const source = await boundDirectory(job, instruction, mount, join(scratch.upper, String(index)))
      mounts.push({ type: 'bind', source, target, options: ['bind', access] })
    }
  } catch (error) {
    await given[Symbol.asyncDispose]()
    throw error
  }
  return { mounts, [Symbol.asyncDispose]: () => given[Symbol.asyncDispose]() }
}

/** What a bind mount shows: the context itself when it cannot be written to, else a copy. */
async function boundDirectory(job: Job, instruction: Run, mount: WantedMount, copy: string): Promise<string> {
  const layers = await layersOf(job, instruction, mount)
  const { path, kind } = await job.store.porters.run('look', { layers, path: mount.source })
  const [only] = layers
  if (mount.readonly && layers.length === 1 && only !== undefined) return path === '/' ? only : only + path
  await mkdir(copy)
  const target = kind === 'directory' ? '/' : '/file'
  await job.store.porters.run('carry', { layers, patterns: [path], inline: [], lowers: [], upper: copy, target })
  return kind === 'directory' ? copy : join(copy, 'file')
}

async function digestOf(job: Job, instruction: Run, mount: RunMount): Promise<string> {
  const layers = await layersOf(job, instruction, mount)
  const known = mount.from === undefined ? { known: job.request.context.manifest } : {}
  const { kind } = await job.store.porters.run('look', { layers, path: mount.source })
  if (kind === 'nothing')
    throw instruction.line.error(mount.offset, `bind mount source "${mount.source}": file does not exist`)
  return job.store.porters.run('digest', { layers, patterns: [mount.source], ...known })
}

async function layersOf(job: Job, { line }: Run, { from, offset }: RunMount): Promise<readonly string[]> {
  if (from === undefined) return [job.request.context.directory]
  const stage = job.stage(from)
  const layers = stage ? (await stage).layers : (await job.image(from)).layers
  if (layers.length === 0) throw line.error(offset, `from=${from} is empty: there is nothing to mount`)
  return job.directories(layers)
}

/** AsyncDisposableStack, which Node 20 lacks. */
class LentThings implements AsyncDisposable {
  readonly #all: AsyncDisposable[] = []

  use(one: AsyncDisposable): void {
    this.#all.push(one)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#all.splice(0).reverse()) await one[Symbol.asyncDispose]()
  }
}
