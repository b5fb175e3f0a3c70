import { closeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { ContainerFiles } from '../containers/files.js'
import { EngineError, isFault } from '../errors.js'
import { byThemselves, flow } from '../workers/flow.js'
import type { JobPool } from '../images/job-pool.js'
import { Thread } from '../kernel/thread.js'
import { rangeOf } from '../system/id-map.js'
import type { FileChange } from '../images/changes.js'
import type { PathStat } from './path-stat.js'
import type { Fixture, ArchivePlace } from './place.js'
import type { ArchiveMessage } from './thread.js'

type Hand = Thread<ArchiveMessage>

/** How `docker cp` puts files into a container. */
export interface PutOptions {
  /** Refuse to replace a directory by a file and the other way round. */
  readonly keepKinds: boolean
  /** Give everything to the container's user. */
  readonly chown: boolean
}

/** How a thread goes into a container; `bare`: without what is mounted on its root. */
interface Way {
  readonly writes: boolean
  readonly bare: boolean
}

/** Chunks said before their answers are awaited. */
const window = 16

/**
 * Files into containers and out of them. Whatever a container holds may be hostile: its paths are followed only by a
 * thread whose root directory is the container's, see `enter`.
 */
export class Archives {
  readonly #pool: JobPool

  constructor(pool: JobPool) {
    this.#pool = pool
  }

  /** @throws EngineError `missing` "Could not find the file x in container y" */
  stat(container: ContainerFiles, path: string): Promise<PathStat> {
    return this.#within(container, { writes: false, bare: false }, async (hand) => {
      const stat = hand.post({ kind: 'stat', path: checked(path) })
      return (await named(container, path, stat)) as PathStat
    })
  }

  /** Hands a path's archive to `use`, and what the path is. @throws EngineError as `stat` */
  get(
    container: ContainerFiles,
    path: string,
    use: (stat: PathStat, archive: AsyncGenerator<Buffer>) => Promise<void>,
  ): Promise<void> {
    return this.#within(container, { writes: false, bare: false }, async (hand) => {
      const stat = (await named(container, path, hand.post({ kind: 'pack', path: checked(path) }))) as PathStat
      container.emit('archive-path')
      await use(
        stat,
        flow(() => hand.post({ kind: 'next' })),
      )
    })
  }

  /** Hands everything but what is mounted to `use`. */
  export(container: ContainerFiles, use: (archive: AsyncGenerator<Buffer>) => Promise<void>): Promise<void> {
    return this.#within(container, { writes: false, bare: true }, async (hand) => {
      await hand.post({ kind: 'export' })
      container.emit('export')
      await use(flow(() => hand.post({ kind: 'next' })))
    })
  }

  /** Unpacks an archive into a directory. @throws EngineError `missing`, `invalid`, `denied` where nothing may be written */
  put(container: ContainerFiles, path: string, archive: () => Promise<Readable>, options: PutOptions): Promise<void> {
    return this.#within(container, { writes: true, bare: false }, async (hand) => {
      const target = await named(container, path, hand.post({ kind: 'find', path: checked(path) }))
      refuseReadOnly(container, target as string)
      const owner = options.chown ? container.record.config.User : ''
      await hand.post({ kind: 'unpack', target: { path: target as string, keepKinds: options.keepKinds, owner } })
      await feed(hand, await archive())
      container.emit('extract-to-dir')
    })
  }

  /** What the container changed of its image's files. */
  async changes(container: ContainerFiles): Promise<readonly FileChange[]> {
    await container.whenBegun()
    try {
      return await this.#pool.run('changes', await container.written())
    } catch (error) {
      container.refuseRemoved() // meanwhile, which nothing here keeps from happening
      throw error
    }
  }

  /**
   * Runs `use` with a thread in the container's root. A container that does not run stays so while it is written to; while
   * it is read, which lasts as long as the client likes, it may start.
   */
  async #within<T>(container: ContainerFiles, way: Way, use: (hand: Hand) => Promise<T>): Promise<T> {
    const hand: Hand = new Thread(new URL('./thread.js', import.meta.url))
    try {
      const rested = await container.exclusively(async () => {
        if (await this.#enterRunning(container, hand, way.bare)) return undefined
        // what is bound in the thread's own namespace stays there
        await container.withVolumes(async () => {
          await hand.post({ kind: 'enter', place: await restingPlace(container, way) })
        })
        return way.writes ? { value: await use(hand) } : undefined
      })
      return rested ? rested.value : await use(hand)
    } finally {
      await hand.end()
    }
  }

  /** False when it does not run, or its processes have just ended. */
  async #enterRunning(container: ContainerFiles, hand: Hand, bare: boolean): Promise<boolean> {
    const namespace = container.openMountNamespace()
    if (namespace === undefined) return false
    try {
      if (!container.alive) return false // the number may be another process's by now
      const range = rangeOf(container.record.state.pid)
      await hand.post({ kind: 'enter', place: { kind: 'running', namespace, bare, ...(range ? { range } : {}) } })
      return true
    } finally {
      closeSync(namespace)
    }
  }
}

async function restingPlace(container: ContainerFiles, { writes, bare }: Way): Promise<ArchivePlace> {
  const { upper: upperDir, lowers: lowerDirs } = await container.written()
  const { record, mountPoint: target } = container
  const { workDir, hosts, hostname, resolvConf } = container.places
  await mkdir(target, { recursive: true, mode: 0o700 })
  const names: Fixture[] =
    record.state.startedAt > record.created
      ? [
          { source: hosts, target: '/etc/hosts', writable: true },
          { source: hostname, target: '/etc/hostname', writable: true },
          { source: resolvConf, target: '/etc/resolv.conf', writable: true },
        ]
      : []
  const own = record.mounts.filter(({ type }) => type !== 'tmpfs')
  const taken = new Set(own.map((mount) => mount.target))
  const fixtures = [...names.filter((name) => !taken.has(name.target)), ...own].map(
    ({ source, target: at, writable }) => ({ source, target: at, writable }),
  )
  const overlay = writes ? { lowerDirs, upperDir, workDir, target } : { lowerDirs: [...lowerDirs, upperDir], target }
  return { kind: 'resting', overlay, fixtures: bare ? [] : fixtures.sort(byDepth) }
}

/** A mount inside another comes after it. */
const byDepth = (a: Fixture, b: Fixture): number => a.target.length - b.target.length

function checked(path: string): string {
  if (path === '') throw new EngineError('invalid', 'bad parameter: path cannot be empty')
  return path
}

/** Tells of a missing path in dockerd's words. */
async function named(container: ContainerFiles, path: string, answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    if (!isFault(error, 'missing')) throw error
    throw new EngineError('missing', `Could not find the file ${path} in container ${container.record.name}`, error)
  }
}

/** @param path canonical */
function refuseReadOnly(container: ContainerFiles, path: string): void {
  const { mounts, hostConfig } = container.record
  const over = mounts
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0]
  if (over && !over.writable) throw new EngineError('invalid', 'mounted volume is marked read-only')
  if (!over && hostConfig.ReadonlyRootfs === true)
    throw new EngineError('invalid', 'container rootfs is marked read-only')
}

async function feed(hand: Hand, archive: Readable): Promise<void> {
  const said: Promise<unknown>[] = []
  try {
    for await (const chunk of archive) {
      const bytes = byThemselves(chunk as Uint8Array)
      const answer = hand.post({ kind: 'chunk', chunk: bytes }, [bytes.buffer])
      answer.catch(() => undefined) // seen when its turn comes
      said.push(answer)
      if (said.length >= window) await said.shift()
    }
    await Promise.all(said)
    await hand.post({ kind: 'end' })
  } catch (error) {
    await hand.post({ kind: 'abort' })
    throw error
  }
}
