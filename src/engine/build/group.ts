import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildConfig, EngineConfig } from '../config.js'
import { Cgroup, type Hierarchies } from '../runtime/cgroup.js'

const mebibyte = 2 ** 20
const period = 100_000

/** What one build may take; Infinity is no limit. */
export interface BuildLimits {
  /** Bytes. */
  readonly memory: number
  readonly pids: number
  /** Processors; may be a fraction. */
  readonly cpus: number
}

/**
 * What a build may take: half of the machine's memory, though never less than 512 MiB, 4,096 processes and all processors,
 * which it leaves to apps where both want them.
 */
export function buildLimits(
  { memoryBytes, pids, cpus }: BuildConfig = {},
  machine = { memory: totalmem(), cpus: availableParallelism() },
): BuildLimits {
  const or = (wanted: number | undefined, usual: number): number => (wanted === 0 ? Infinity : (wanted ?? usual))
  return {
    memory: or(memoryBytes, Math.max(512 * mebibyte, Math.floor(machine.memory / 2))),
    pids: or(pids, 4096),
    cpus: or(cpus, machine.cpus),
  }
}

/**
 * The control group of one build, `/berth-<name>/builds/<id>`: of its steps, a group each below, and of what it fetches.
 * Builds together take three quarters of the memory at most, or what one alone may, and half an app's share of processors.
 */
export class BuildGroup {
  readonly path: string
  readonly memory: number
  readonly cpus: number
  readonly #hierarchies: Hierarchies
  readonly #cgroup: Cgroup
  readonly #fetch: Cgroup

  private constructor(hierarchies: Hierarchies, path: string, { memory, cpus }: BuildLimits) {
    this.path = path
    this.memory = memory
    this.cpus = cpus
    this.#hierarchies = hierarchies
    this.#cgroup = new Cgroup(hierarchies, path)
    this.#fetch = new Cgroup(hierarchies, `${path}/fetch`)
  }

  static make(hierarchies: Hierarchies, config: Pick<EngineConfig, 'name' | 'build'>, id: string): BuildGroup {
    const all = `/berth-${config.name}/builds`
    const limits = buildLimits(config.build)
    const group = new BuildGroup(hierarchies, `${all}/${id}`, limits)
    makeGroup(hierarchies, all)
    const together = Math.max(limits.memory, Math.floor((totalmem() * 3) / 4))
    limit(hierarchies, all, { memory: together, pids: Infinity, cpus: Infinity })
    write(hierarchies, all, 'cpu', hierarchies.version === 2 ? ['cpu.weight', '50'] : ['cpu.shares', '512'])
    makeGroup(hierarchies, group.path)
    limit(hierarchies, group.path, limits)
    return group
  }

  /** Directories of the group that what is fetched by a program of the host is fetched in; made when first asked for. */
  fetchGroups(): readonly string[] {
    makeGroup(this.#hierarchies, this.#fetch.path)
    return controllersOf(this.#hierarchies).map((controller) => this.#fetch.dir(controller))
  }

  /** Whether such a program was ended for want of memory. */
  fetchRanOut(): boolean {
    return this.#fetch.oomKills() > 0
  }

  /** What it takes of memory now, in bytes. */
  memoryNow(): number {
    return this.#cgroup.anonymous()
  }

  /** Ends what is left in it. */
  destroy(): Promise<void> {
    return this.#cgroup.destroy()
  }
}

/** Of those that builds are limited by, the ones that this host has. */
const controllersOf = (hierarchies: Hierarchies): readonly ('memory' | 'pids' | 'cpu')[] =>
  hierarchies.version === 2
    ? ['memory']
    : (['memory', 'pids', 'cpu'] as const).filter((name) => hierarchies.controllers.has(name))

/** Makes a group and those above it; in version 2 each has its controllers from the one above. */
function makeGroup(hierarchies: Hierarchies, path: string): void {
  const cgroup = new Cgroup(hierarchies, path)
  for (const controller of controllersOf(hierarchies)) mkdirSync(cgroup.dir(controller), { recursive: true })
  if (hierarchies.version === 1) return
  const above = (group: string): string[] => (group === '/' ? [group] : [...above(dirname(group)), group])
  for (const group of above(dirname(path)))
    for (const controller of ['memory', 'pids', 'cpu'])
      try {
        writeFileSync(join(hierarchies.root, group, 'cgroup.subtree_control'), `+${controller}`)
      } catch {
        // this host has no such controller: then there is no file to write a limit to either
      }
}

function limit(hierarchies: Hierarchies, path: string, { memory, pids, cpus }: BuildLimits): void {
  const bytes = (factor: number): string => String(Math.floor((memory * factor) / 4096) * 4096)
  const unlimited = memory === Infinity
  const quota = cpus === Infinity ? undefined : String(Math.max(1000, Math.round(cpus * period)))
  const files: readonly (readonly ['memory' | 'pids' | 'cpu', string, string])[] =
    hierarchies.version === 2
      ? [
          ['memory', 'memory.max', unlimited ? 'max' : bytes(1)],
          ['memory', 'memory.swap.max', unlimited ? 'max' : bytes(1)],
          ['pids', 'pids.max', pids === Infinity ? 'max' : String(pids)],
          ['cpu', 'cpu.max', `${quota ?? 'max'} ${String(period)}`],
        ]
      : [
          // never above what memory and swap together may be, be it changed
          ['memory', 'memory.memsw.limit_in_bytes', '-1'],
          ['memory', 'memory.limit_in_bytes', unlimited ? '-1' : bytes(1)],
          ['memory', 'memory.memsw.limit_in_bytes', unlimited ? '-1' : bytes(2)],
          ['pids', 'pids.max', pids === Infinity ? 'max' : String(pids)],
          ['cpu', 'cpu.cfs_period_us', String(period)],
          ['cpu', 'cpu.cfs_quota_us', quota ?? '-1'],
        ]
  for (const [controller, file, value] of files) write(hierarchies, path, controller, [file, value])
}

/** Where the kernel has no such file (swap not accounted, no such controller) there is nothing to be limited by. */
function write(
  hierarchies: Hierarchies,
  path: string,
  controller: string,
  [file, value]: readonly [string, string],
): void {
  if (hierarchies.version === 1 && !hierarchies.controllers.has(controller)) return
  const place = join(new Cgroup(hierarchies, path).dir(controller), file)
  if (existsSync(place)) writeFileSync(place, value)
}
