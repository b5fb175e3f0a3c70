import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroup } from './cgroup.js'
import type { Driver } from './driver.js'

/** Processes that a runtime has at a time: itself, the one that enters the namespaces and the program. */
const processes = 3

/** Joins the groups named before `--`, then becomes what is named after it. */
const joiner = 'while [ "$1" != -- ]; do echo 0 >"$1/tasks" || exit; shift; done; shift; exec "$@"'

/**
 * How to run a runtime's command in a container. Where groups are of version 1, crun is started in the container's group:
 * a thread that moves itself there alone waits for nobody, whereas to move another process, as crun would, the kernel waits
 * for 8 to 12 ms until all processors know that forks must wait (cgroup_threadgroup_rwsem). So sh(1) moves itself, becomes
 * crun, and what crun starts is in the group already. Not where the group has no room for crun: a process that is moved
 * there may go beyond its limit, so that one can still look into a container that has used it up.
 * @param place a volatile directory of the container's run, for a record of it that names no group
 * @returns the words; `inside` is whether the runtime itself is in the group
 */
export function commandInside(
  { name, path, root, args }: Driver,
  { id, cgroup, place }: { readonly id: string; readonly cgroup: Cgroup; readonly place: string },
): { readonly words: readonly [string, ...string[]]; readonly inside: boolean } {
  if (name !== 'crun' || cgroup.hierarchies.version !== 1 || !hasRoom(cgroup))
    return { words: [path, ...args], inside: false }
  const groupless = join(place, 'groupless')
  if (!existsSync(join(groupless, id))) writeGroupless(join(root, id), join(groupless, id))
  const crun = [path, '--root', groupless, '--cgroup-manager', 'cgroupfs']
  return { words: ['/bin/sh', '-c', joiner, 'sh', ...cgroup.dirs(), '--', ...crun], inside: true }
}

function hasRoom(cgroup: Cgroup): boolean {
  const most = Number(cgroup.read('pids', 'pids.max').trim()) // NaN for `max`
  return !(most - Number(cgroup.read('pids', 'pids.current')) < processes)
}

/** crun leaves alone the control groups of a container whose record names none. A kill leaves a whole one or none. */
function writeGroupless(from: string, to: string): void {
  const draft = `${to}.draft`
  const status = JSON.parse(readFileSync(join(from, 'status'), 'utf8')) as Record<string, unknown>
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  for (const file of ['config.json', 'seccomp.bpf']) symlinkSync(join(from, file), join(draft, file))
  writeFileSync(join(draft, 'status'), JSON.stringify({ ...status, 'cgroup-path': '' }))
  renameSync(draft, to)
}
