import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { endProcess, identify } from './pids.js'
import type { ServiceAccount } from './user.js'

const controllers = ['memory', 'pids', 'cpu'] as const
type Controller = (typeof controllers)[number]

/** Processes of all pushes: each is git, what git starts, and its hook. */
const maxProcesses = 512
const graceMs = 2_000

/** Where control groups are made: in the hierarchy of each controller (v1), or in the one there is (v2). */
export type CgroupMounts =
  | { readonly version: 1; readonly roots: ReadonlyMap<Controller, string> }
  | { readonly version: 2; readonly root: string }

/** Control groups that git runs in, made by root for an account that is not. */
export interface GitGroup {
  /** Directories of groups that the account may move its own processes to. */
  readonly directories: readonly string[]
  /** Puts the process whose children are to be moved where it may move them from. */
  readonly admit: (pid: number) => void
}

/** What is mounted, proc_pid_mounts(5); v1 where it has any of our controllers. null where there are no control groups. */
export function findMounts(mounts = readFileSync('/proc/self/mounts', 'utf8')): CgroupMounts | null {
  const lines = mounts.split('\n').map((line) => line.split(' '))
  const roots = new Map<Controller, string>()
  for (const [, path = '', type, options = ''] of lines)
    if (type === 'cgroup') for (const name of controllers) if (options.split(',').includes(name)) roots.set(name, path)
  if (roots.size > 0) return { version: 1, roots }
  const root = lines.find(([, , type]) => type === 'cgroup2')?.[1]
  return root === undefined ? null : { version: 2, root }
}

const nameOf = (config: Config): string => `berth-${config.name}-git`

/** The limits of one controller: files and what is written to them, v1's and v2's names; swap is not everywhere. */
const limits = ({ push: { memory } }: Config) => ({
  1: {
    memory: { 'memory.limit_in_bytes': memory, 'memory.memsw.limit_in_bytes': memory },
    pids: { 'pids.max': maxProcesses },
    cpu: { 'cpu.shares': 512 },
  },
  2: {
    memory: { 'memory.max': memory, 'memory.swap.max': 0 },
    pids: { 'pids.max': maxProcesses },
    cpu: { 'cpu.weight': 50 },
  },
})

function setLimits(directory: string, files: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(files)) {
    const file = join(directory, name)
    if (existsSync(file)) writeFileSync(file, String(value))
  }
}

/**
 * Makes the groups, or brings their limits up to date. Nothing is limited where the kernel has no such group to give: git's
 * processes then have the limits that they set themselves (src/git/limits.ts).
 */
export function makeGitGroup(config: Config, user: ServiceAccount, mounts = findMounts()): GitGroup {
  if (mounts === null) return { directories: [], admit: () => undefined }
  return mounts.version === 1 ? makeV1(config, user, mounts.roots) : makeV2(config, user, mounts.root)
}

/** v1 lets whoever may write a group's lists move processes of their own to it, or their threads. */
function makeV1(config: Config, user: ServiceAccount, roots: ReadonlyMap<Controller, string>): GitGroup {
  const directories = new Set<string>()
  for (const [controller, root] of roots) {
    const directory = join(root, nameOf(config))
    mkdirSync(directory, { recursive: true })
    setLimits(directory, limits(config)[1][controller])
    for (const list of ['cgroup.procs', 'tasks']) chownSync(join(directory, list), user.uid, user.gid)
    directories.add(directory)
  }
  return { directories: [...directories], admit: () => undefined }
}

/**
 * v2 lets nobody move a process but within a subtree that is theirs (cgroup-v2, "Delegation Containment"): the process that
 * starts git is put beside the group that git is moved to.
 */
function makeV2(config: Config, user: ServiceAccount, root: string): GitGroup {
  const [subtree, from, to] = ['', 'api', 'git'].map((name) => join(root, nameOf(config), name)) as [
    string,
    string,
    string,
  ]
  const enable = (directory: string): void => {
    const available = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ')
    for (const name of controllers)
      if (available.includes(name)) writeFileSync(join(directory, 'cgroup.subtree_control'), `+${name}`)
  }
  mkdirSync(subtree, { recursive: true })
  enable(root)
  enable(subtree)
  for (const directory of [from, to]) mkdirSync(directory, { recursive: true })
  for (const name of controllers) setLimits(to, limits(config)[2][name])
  for (const directory of [subtree, to]) chownSync(join(directory, 'cgroup.procs'), user.uid, user.gid)
  return { directories: [to], admit: (pid) => writeFileSync(join(from, 'cgroup.procs'), String(pid)) }
}

/** Ends what runs in the groups and takes them away. */
export async function removeGitGroup(config: Config, mounts = findMounts()): Promise<void> {
  if (mounts === null) return
  const roots = mounts.version === 1 ? new Set(mounts.roots.values()) : [mounts.root]
  for (const root of roots) await removeTree(join(root, nameOf(config)))
}

async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  const pids = readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  await Promise.all(pids.map((pid) => endProcess(identify(pid), graceMs)))
  const deadline = Date.now() + graceMs
  for (;;) {
    try {
      await rmdir(directory)
      return
    } catch (error) {
      // the last process leaves its group a moment after it has ended
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > deadline) throw error
      await sleep(10)
    }
  }
}
