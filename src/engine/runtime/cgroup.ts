import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, EngineError } from '../errors.js'
import { signal } from '../system/process.js'

/** As long as something may take to stand still. */
const freezeMs = 10_000

/** Where the host's control groups are mounted. */
export type Hierarchies =
  | { readonly version: 1; readonly controllers: ReadonlyMap<string, string> }
  | { readonly version: 2; readonly root: string }

/** Looks at what is mounted; v1 wins where both are (isolate.ts hides v2 there). */
export function findHierarchies(mounts = readFileSync('/proc/self/mounts', 'utf8')): Hierarchies {
  const trees = mounts.split('\n').map((line) => line.split(' '))
  const controllers = new Map<string, string>()
  for (const [, path = '', type, options = ''] of trees)
    if (type === 'cgroup') for (const name of options.split(',')) controllers.set(name, path)
  if (controllers.size > 0) return { version: 1, controllers }
  return { version: 2, root: trees.find(([, , type]) => type === 'cgroup2')?.[1] ?? '/sys/fs/cgroup' }
}

let hastening: Promise<void> | undefined
/**
 * Has the kernel get ready for processes to change groups. The first to do so after a pause waits for 10 ms, until all
 * processors have heard that forks must wait for it (cgroup_threadgroup_rwsem); whoever follows within some 10 ms does not.
 * The engine is moved to where it is already, by a thread of its own, as soon as somebody may be about to ask for a process
 * in a group of its own. Never fails: a move then takes its time.
 */
export function hastenMoves(hierarchies: Hierarchies): Promise<void> {
  return (hastening ??= moveNowhere(hierarchies)
    .catch(() => undefined)
    .finally(() => (hastening = undefined)))
}

async function moveNowhere(hierarchies: Hierarchies): Promise<void> {
  const [controller, root] =
    hierarchies.version === 2 ? ['', hierarchies.root] : ['pids', hierarchies.controllers.get('pids') ?? '']
  const own = read('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, controllers = '']) => controllers.split(',').includes(controller))
  if (own) await writeFile(join(root, own.slice(2).join(':'), 'cgroup.procs'), '0')
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** `key value` lines as numbers. */
export function parseKeyValues(text: string): Readonly<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const [key = '', value] = line.split(' ')
    if (value !== undefined) rows[key] = Number(value)
  }
  return rows
}

/** The control group of one container or step, e.g. `/berth/<id>`, in every hierarchy. */
export class Cgroup {
  readonly hierarchies: Hierarchies
  readonly path: string
  constructor(hierarchies: Hierarchies, path: string) {
    this.hierarchies = hierarchies
    this.path = path
  }

  /** The directory in one controller's hierarchy. */
  dir(controller: string): string {
    const root =
      this.hierarchies.version === 2 ? this.hierarchies.root : (this.hierarchies.controllers.get(controller) ?? '')
    return join(root, this.path)
  }

  /** Its directories, one in each hierarchy that has it. */
  dirs(): string[] {
    return this.#roots()
      .map((root) => join(root, this.path))
      .filter((dir) => existsSync(dir))
  }

  /** Contents of a control file, '' if there is none. */
  read(controller: string, file: string): string {
    return read(join(this.dir(controller), file))
  }

  write(controller: string, file: string, value: string): void {
    writeFileSync(join(this.dir(controller), file), value)
  }

  /** Host pids of everything inside, nested groups included. */
  pids(): number[] {
    const walk = (dir: string): number[] => {
      const own = read(join(dir, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
      return [...own, ...children(dir).flatMap(walk)]
    }
    return walk(this.dir('pids'))
  }

  /** How often the kernel killed something here for want of memory. */
  oomKills(): number {
    const file = this.hierarchies.version === 2 ? 'memory.events' : 'memory.oom_control'
    return parseKeyValues(this.read('memory', file)).oom_kill ?? 0
  }

  /** The most memory that all in here had at once, caches of files included. Bytes; 0 where the kernel does not count it. */
  peak(): number {
    return (
      Number(this.read('memory', this.hierarchies.version === 2 ? 'memory.peak' : 'memory.max_usage_in_bytes')) || 0
    )
  }

  /** The memory that all in here have now, without caches of files, which they need not have. Bytes. */
  anonymous(): number {
    const { anon = 0, total_rss = 0 } = parseKeyValues(this.read('memory', 'memory.stat'))
    return this.hierarchies.version === 2 ? anon : total_rss
  }

  /**
   * Freezes everything inside. Resolves when it stands still: the kernel only begins to when it is told.
   * @throws EngineError `broken` when a process sleeps in the kernel for too long to be frozen; all runs on then
   */
  async freeze(): Promise<void> {
    if (this.hierarchies.version === 2) this.write('freezer', 'cgroup.freeze', '1')
    else this.write('freezer', 'freezer.state', 'FROZEN')
    // version 1 tells nobody when it is done, and looks again only when it is read
    const deadline = Date.now() + freezeMs
    while (!this.#isFrozen()) {
      if (Date.now() > deadline) {
        this.thaw()
        throw new EngineError('broken', `cannot freeze ${this.path}: a process in it waits for the kernel; try again`)
      }
      await sleep(1)
    }
  }

  /** Lets everything inside run on. */
  thaw(): void {
    if (this.hierarchies.version === 2) this.write('freezer', 'cgroup.freeze', '0')
    else this.write('freezer', 'freezer.state', 'THAWED')
  }

  #isFrozen(): boolean {
    return this.hierarchies.version === 2
      ? parseKeyValues(this.read('freezer', 'cgroup.events')).frozen === 1
      : this.read('freezer', 'freezer.state').trim() === 'FROZEN'
  }

  /** Names of the groups directly below, of any hierarchy: one that was left half made is not in all. */
  children(): string[] {
    return [...new Set(this.#roots().flatMap((root) => children(join(root, this.path)).map((dir) => basename(dir))))]
  }

  /** Kills what is left inside, and removes the group and those nested in it; gives up after two seconds. */
  async destroy(): Promise<void> {
    for (let attempt = 0; !(await this.#remove()) && attempt < 200; attempt++) {
      // the last processes of a killed pid namespace leave the group a moment after its first one is reaped
      for (const pid of this.pids()) signal(pid, 'SIGKILL')
      this.#thawIfThere() // what is frozen does not die
      await sleep(10)
    }
  }

  #thawIfThere(): void {
    try {
      this.thaw()
    } catch {
      // it is gone, or the freezer never had it
    }
  }

  /** True when nothing is left. By threads of their own: while another is moved, the kernel has them wait. */
  async #remove(): Promise<boolean> {
    let gone = true
    for (const root of this.#roots()) gone = (await removeCgroups(join(root, this.path))) && gone
    return gone
  }

  #roots(): string[] {
    return this.hierarchies.version === 2
      ? [this.hierarchies.root]
      : [...new Set(this.hierarchies.controllers.values())]
  }
}

function children(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(dir, entry.name))
  } catch {
    return []
  }
}

async function removeCgroups(dir: string): Promise<boolean> {
  for (const child of children(dir)) await removeCgroups(child)
  try {
    await rmdir(dir)
    return true
  } catch (error) {
    return codeOf(error) === 'ENOENT'
  }
}
